using System.Runtime.InteropServices;

namespace ConnExporter.Kernel;

/// <summary>A terminal whose keys arrive one by one and are not shown, until this is disposed of. Ctrl-C goes on to be a signal; Ctrl-Z and Ctrl-S mean nothing.</summary>
/// <remarks>Not the framework's, which takes the terminal over as a whole and gives it back only at an end of its own.</remarks>
public sealed unsafe class TerminalMode : IDisposable
{
    // struct termios of the C library (bits/termios-struct.h): four words of flags, the line discipline, 32 control characters, two speeds.
    private const int Size = 60;
    private const int InputFlags = 0;
    private const int LocalFlags = 12;
    private const int ControlCharacters = 17;
    private const int MinimumOfRead = 6;
    private const int TimeOfRead = 5;
    private const int Suspend = 10;
    private const uint FlowControl = 0x400;
    private const uint CanonicalEchoAndExtended = 0x2 | 0x8 | 0x8000;
    private const int Now = 0;
    private const short PollIn = 1;
    private readonly int descriptor;
    private readonly byte[] before;

    private TerminalMode(int descriptor, byte[] before)
    {
        this.descriptor = descriptor;
        this.before = before;
    }

    /// <summary>Changes the mode of the terminal that a descriptor is open on.</summary>
    /// <returns>Null where it is none.</returns>
    public static TerminalMode? Enter(int descriptor)
    {
        byte[] found = new byte[Size];
        fixed (byte* bytes = found)
        {
            if (LibC.GetTerminal(descriptor, bytes) != 0)
            {
                return null;
            }
        }

        byte[] raw = [.. found];
        MemoryMarshal.Write(raw.AsSpan(InputFlags), MemoryMarshal.Read<uint>(raw.AsSpan(InputFlags)) & ~FlowControl);
        MemoryMarshal.Write(raw.AsSpan(LocalFlags), MemoryMarshal.Read<uint>(raw.AsSpan(LocalFlags)) & ~CanonicalEchoAndExtended);
        raw[ControlCharacters + MinimumOfRead] = 1;
        raw[ControlCharacters + TimeOfRead] = 0;
        raw[ControlCharacters + Suspend] = 0;
        fixed (byte* bytes = raw)
        {
            return LibC.SetTerminal(descriptor, Now, bytes) == 0 ? new TerminalMode(descriptor, found) : null;
        }
    }

    /// <summary>Reads what was typed, and waits for it for a while.</summary>
    /// <param name="bytes">Takes it.</param>
    /// <param name="patience">How long to wait.</param>
    /// <returns>How many bytes; 0 where nothing was typed, -1 where the terminal is gone.</returns>
    public int Read(Span<byte> bytes, TimeSpan patience)
    {
        var poll = new LibC.PollDescriptor { Descriptor = descriptor, Events = PollIn };
        int ready = LibC.Poll(&poll, 1, (int)patience.TotalMilliseconds);
        if (ready <= 0)
        {
            return 0;
        }

        fixed (byte* buffer = bytes)
        {
            nint got = LibC.Read(descriptor, buffer, bytes.Length);
            return got > 0 ? (int)got : got < 0 && Marshal.GetLastPInvokeError() == Errno.Interrupted ? 0 : -1;
        }
    }

    /// <summary>Puts the mode back.</summary>
    public void Dispose()
    {
        fixed (byte* bytes = before)
        {
            // Where the terminal is gone there is nothing to put back.
            _ = LibC.SetTerminal(descriptor, Now, bytes);
        }
    }
}
