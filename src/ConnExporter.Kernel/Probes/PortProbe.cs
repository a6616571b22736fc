using System.Buffers.Binary;
using System.Runtime.InteropServices;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Kernel.Probes;

/// <summary>What the kernel said when it was asked for an ephemeral port.</summary>
public enum PortAnswer
{
    /// <summary>It could not be asked, or did not answer: nothing is known.</summary>
    Unknown,

    /// <summary>EADDRNOTAVAIL: connect() finds no port in the range, whatever its destination.</summary>
    None,

    /// <summary>ECONNREFUSED: it found one. What a destination of its own holds is another matter.</summary>
    Found,
}

/// <summary>
/// Asks the kernel for an ephemeral port by a non-blocking connect() from one loopback address to another and a port that nobody listens on
/// there: no packet leaves the host, no other connection has these addresses, so that only ports closed to everybody are refused
/// (docs/kernel-facts.md §3). Of the thread's network namespace; for one thread.
/// </summary>
/// <remarks>
/// A refusal for want of a port moves no counter of the kernel's, and the socket may ask again. Every other answer moves <c>ActiveOpens</c>, as a rule
/// <c>AttemptFails</c> and <c>OutRsts</c>, by one, and ends the probe.
/// </remarks>
public sealed unsafe class PortProbe : IDisposable
{
    private const int LevelIp = 0;
    private const int BindAddressNoPort = 24;
    private const int LocalPortRange = 51;
    private const int SockStream = 1;
    private const int SockNonBlock = 0x800;
    private const int SoError = 4;
    private const int SoLinger = 13;
    private const short PollOut = 4;
    private const int AfInet = 2;
    private const int AfInet6 = 10;

    // Loopback answers within the call or the next interrupt; what takes longer is held up by somebody and no answer.
    private const int PatienceMilliseconds = 20;

    private static readonly byte[] From = [127, 113, 57, 1];
    private static readonly byte[] To = [127, 113, 57, 2];

    private readonly DescriptorHandle socket;
    private readonly byte[] destination;

    private PortProbe(DescriptorHandle socket, byte[] destination)
    {
        this.socket = socket;
        this.destination = destination;
    }

    /// <summary>Whether connect() got beyond the choice of a port, so that the kernel counted an attempt.</summary>
    public bool Attempted { get; private set; }

    /// <summary>Gets ready to ask.</summary>
    /// <param name="unheard">A port that nobody listens on, on whatever address.</param>
    /// <returns>Null where there is no loopback address to ask from, or a sandbox forbids it.</returns>
    public static PortProbe? Open(ushort unheard) => Open(AfInet, From, To, unheard) ?? Open(AfInet6, null, null, unheard);

    /// <summary>Asks for a port of a part of the range alone (<c>IP_LOCAL_PORT_RANGE</c>, Linux 6.3). Holds for what is asked next.</summary>
    /// <param name="part">A part of the range in force.</param>
    /// <returns>False where the kernel does not know the option.</returns>
    public bool TryNarrow(PortRange part)
    {
        uint value = ((uint)part.Last << 16) | part.First;
        return LibC.SetSocketOption(socket.Value, LevelIp, LocalPortRange, &value, sizeof(uint)) == 0;
    }

    /// <summary>Asks.</summary>
    /// <returns>After <see cref="PortAnswer.None"/> the probe may ask again, after anything else it may not.</returns>
    public PortAnswer Ask()
    {
        fixed (byte* address = destination)
        {
            int errno = LibC.Connect(socket.Value, address, (uint)destination.Length) == 0 ? 0 : Marshal.GetLastPInvokeError();
            if (errno == Errno.AddressNotAvailable)
            {
                return PortAnswer.None;
            }

            // An attempt from here on, unless the way there is what was refused.
            Attempted = errno is 0 or Errno.InProgress or Errno.ConnectionRefused;
            return (errno == Errno.InProgress ? Outcome() : errno) == Errno.ConnectionRefused ? PortAnswer.Found : PortAnswer.Unknown;
        }
    }

    /// <summary>Closes the socket; should somebody have accepted it, by a reset.</summary>
    public void Dispose() => socket.Dispose();

    private static PortProbe? Open(int family, byte[]? from, byte[]? to, ushort port)
    {
        int descriptor = LibC.Socket(family, SockStream | SockNonBlock | LibC.SockCloseOnExec, 0);
        if (descriptor < 0)
        {
            return null;
        }

        var handle = new DescriptorHandle(descriptor);
        int yes = 1;
        long reset = 1;
        byte[] source = Address(family, from, 0);
        fixed (byte* address = source)
        {
            // The address alone: the port is connect()'s to choose, as for everybody. An address that is missing shows here and not in connect().
            if (LibC.SetSocketOption(descriptor, LevelIp, BindAddressNoPort, &yes, sizeof(int)) == 0
                && LibC.SetSocketOption(descriptor, LibC.SolSocket, SoLinger, &reset, sizeof(long)) == 0
                && LibC.Bind(descriptor, address, (uint)source.Length) == 0)
            {
                return new PortProbe(handle, Address(family, to, port));
            }
        }

        handle.Dispose();
        return null;
    }

    // struct sockaddr_in, or struct sockaddr_in6 with ::1, the only loopback address there is.
    private static byte[] Address(int family, byte[]? v4, ushort port)
    {
        byte[] address = new byte[family == AfInet ? 16 : 28];
        MemoryMarshal.Write(address, (ushort)family);
        BinaryPrimitives.WriteUInt16BigEndian(address.AsSpan(2), port);
        if (v4 is not null)
        {
            v4.CopyTo(address, 4);
        }
        else
        {
            address[23] = 1;
        }

        return address;
    }

    private int Outcome()
    {
        var wait = new LibC.PollDescriptor { Descriptor = socket.Value, Events = PollOut };
        int error = 0;
        uint length = sizeof(int);
        return LibC.Poll(&wait, 1, PatienceMilliseconds) == 1 && LibC.GetSocketOption(socket.Value, LibC.SolSocket, SoError, &error, &length) == 0 ? error : Errno.InProgress;
    }
}
