using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace ConnExporter.Kernel;

/// <summary>Why a read of the kernel gave no reading.</summary>
public enum FailureKind
{
    /// <summary>The feature is not on this kernel: a module that is not loaded, a protocol that is switched off.</summary>
    Absent,

    /// <summary>The kernel refused: a capability is missing.</summary>
    Denied,

    /// <summary>The kernel answered with something that cannot be true or cannot be read.</summary>
    Broken,
}

/// <summary>A read of the kernel that gave no reading. The message quotes the path, the line where there is one, and the offending text.</summary>
public sealed class KernelReadException : Exception
{
    /// <summary>A failure of the given kind.</summary>
    /// <param name="kind">What it means for the reading.</param>
    /// <param name="reason">One of <see cref="Reasons"/>.</param>
    /// <param name="message">Path, line and offending text.</param>
    /// <param name="cause">What was thrown below it, if anything.</param>
    public KernelReadException(FailureKind kind, string reason, string message, Exception? cause = null)
        : base(message, cause)
    {
        Kind = kind;
        Reason = reason;
    }

    /// <summary>Every value of <see cref="Reason"/>, for the label of an error counter.</summary>
    public static ImmutableArray<string> Reasons { get; } = ["denied", "errno", "internal", "parse", "protocol", "too_large"];

    /// <summary>What the failure means for the reading.</summary>
    public FailureKind Kind { get; }

    /// <summary>A short name from a fixed set (<see cref="Reasons"/>); "absent" where <see cref="Kind"/> is Absent.</summary>
    public string Reason { get; }

    /// <summary>Of what is absent: that every Linux has it, so that it is only hidden from this process.</summary>
    public bool IsHidden { get; private init; }

    /// <summary>What is absent is only hidden.</summary>
    /// <param name="absent">The failure.</param>
    /// <param name="why">By what it is known.</param>
    internal static KernelReadException Hidden(KernelReadException absent, string why) => new(absent.Kind, absent.Reason, $"{absent.Message}: {why}", absent) { IsHidden = true };

    /// <summary>The content of <paramref name="path"/> is not what the kernel writes there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="expected">What should have been there.</param>
    /// <param name="text">The offending bytes; cut after 80 and made printable.</param>
    public static KernelReadException Parse(string path, string expected, ReadOnlySpan<byte> text) =>
        new(FailureKind.Broken, "parse", $"{path}: expected {expected}, found {Quote(text)}");

    /// <summary>A netlink answer that breaks the protocol.</summary>
    /// <param name="message">What was wrong with it.</param>
    public static KernelReadException Protocol(string message) => new(FailureKind.Broken, "protocol", message);

    /// <summary>A system call that failed with <paramref name="errno"/>.</summary>
    /// <param name="what">The path or the call.</param>
    /// <param name="errno">The error number.</param>
    public static KernelReadException FromErrno(string what, int errno)
    {
        string text = $"{what}: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})";
        return errno switch
        {
            Errno.NoEntry or Errno.NoDevice or Errno.NotDirectory => new(FailureKind.Absent, "absent", text),
            Errno.NotPermitted or Errno.AccessDenied => new(FailureKind.Denied, "denied", text),
            _ => new(FailureKind.Broken, "errno", text),
        };
    }

    internal static string Quote(ReadOnlySpan<byte> text)
    {
        const int Limit = 80;
        var quoted = new System.Text.StringBuilder("'");
        foreach (byte b in text[..Math.Min(Limit, text.Length)])
        {
            if (b is >= 0x20 and < 0x7f)
            {
                quoted.Append((char)b);
            }
            else
            {
                quoted.Append(System.Globalization.CultureInfo.InvariantCulture, $"\\x{b:x2}");
            }
        }

        return quoted.Append(text.Length > Limit ? "…'" : "'").ToString();
    }
}
