using System.Collections.Immutable;
using static ConnExporter.Kernel.Bpf.Register;

namespace ConnExporter.Kernel.Bpf;

/// <summary>A function of the kernel whose failures are counted when it returns, where this kernel lets programs hang there (fexit).</summary>
/// <param name="Name">Its name on the page.</param>
/// <param name="Functions">The function, by the names that it has had; the first that this kernel has counts.</param>
/// <param name="Kind">What a failure is.</param>
internal sealed record CallHook(string Name, ImmutableArray<string> Functions, SymptomKind Kind)
{
    private const int TooManyFiles = -Errno.TooManyFiles;
    private const int TryAgain = -Errno.TryAgain;

    // Up from here they are the kernel's own, ERESTARTSYS the first of them: the call goes on, or it was a signal.
    private const int LeastErrno = -511;

    private const int Key = -SymptomKey.Length;
    private const int Number = Key - 8;

    /// <summary>All of them.</summary>
    public static ImmutableArray<CallHook> All { get; } =
    [
        // net/socket.c; io_uring has its own way.
        new("accept", ["__sys_accept4"], SymptomKind.AcceptFailed),

        // fs/file.c. Not get_unused_fd_flags(), which is compiled into its callers.
        new("descriptors", ["alloc_fd", "__alloc_fd"], SymptomKind.DescriptorRefused),

        // net/ipv4/inet_connection_sock.c, (sk, snum).
        new("bind", ["inet_csk_get_port"], SymptomKind.BindFailed),
    ];

    /// <summary>Writes its program: the arguments come first in what the program is given, and what was returned behind them.</summary>
    /// <param name="kernel">Where things are.</param>
    /// <param name="maps">The maps.</param>
    /// <param name="parameters">How many arguments the function has.</param>
    /// <param name="isTrial">Whether each call is counted, as nothing of a kind: shows that the program is called at all.</param>
    public byte[] Write(KernelLayout kernel, SymptomMaps maps, int parameters, bool isTrial)
    {
        var program = new BpfAssembler();
        var counting = new SymptomCounting(program, maps, Key, Number);
        program.Move(R6, R1);
        program.Load(Width.Double, R7, R6, 8 * parameters);
        if (!isTrial)
        {
            Judge(program, counting.End);
        }

        counting.Owner(kernel, Key);
        counting.Kind(isTrial ? SymptomKind.None : Kind);
        if (!isTrial && Kind == SymptomKind.BindFailed)
        {
            program.StoreNumber(Width.Half, Stack, Key + SymptomKey.ErrorOffset, Errno.AddressInUse);
            program.Load(Width.Double, R1, R6, 8);
            program.Store(Width.Half, Stack, Key + SymptomKey.PortOffset, R1);
        }
        else if (!isTrial)
        {
            program.Negate(R7);
            program.Store(Width.Half, Stack, Key + SymptomKey.ErrorOffset, R7);
        }

        counting.Write();
        return program.ToBytes();
    }

    // To the end where the call did not fail, or not in a way that counts.
    private void Judge(BpfAssembler program, Label end)
    {
        switch (Kind)
        {
            case SymptomKind.AcceptFailed:
                program.JumpWord(When.AtLeastSigned, R7, 0, end);
                program.JumpWord(When.Equal, R7, TryAgain, end);
                Label counts = program.NewLabel();
                program.JumpWord(When.AtLeastSigned, R7, LeastErrno, counts);
                program.Jump(end);
                program.Place(counts);
                break;
            case SymptomKind.DescriptorRefused:
                program.JumpWord(When.NotEqual, R7, TooManyFiles, end);
                break;
            default:
                program.JumpWord(When.Equal, R7, 0, end);
                break;
        }
    }
}

/// <summary>How one of the places in the kernel stands where symptoms are counted.</summary>
/// <param name="Name">Such as <c>states</c>.</param>
/// <param name="Failure">Why nothing is counted there; null where it is.</param>
public sealed record SymptomHook(string Name, KernelReadException? Failure);
