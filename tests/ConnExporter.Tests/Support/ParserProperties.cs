using System.Globalization;
using ConnExporter.Kernel;
using FsCheck;
using FsCheck.Fluent;

namespace ConnExporter.Tests.Support;

/// <summary>What holds for every parser, whatever it is given.</summary>
internal static class ParserProperties
{
    /// <summary>Times a property is tried; a night's run sets CONN_EXPORTER_PROPERTY_RUNS to a million.</summary>
    public static int Runs { get; } =
        int.TryParse(Environment.GetEnvironmentVariable("CONN_EXPORTER_PROPERTY_RUNS"), CultureInfo.InvariantCulture, out int runs) ? runs : 3000;

    // The quoted text, the exception and its stack trace are the most that a refusal needs.
    private const long AllocationLimit = 96 * 1024;

    private static readonly byte[][] Nasty =
    [
        "18446744073709551616"u8.ToArray(), "-1"u8.ToArray(), "N/A"u8.ToArray(), "\n"u8.ToArray(), "\0"u8.ToArray(), " "u8.ToArray(), ")"u8.ToArray(),
        "("u8.ToArray(), ":"u8.ToArray(), "-"u8.ToArray(), ","u8.ToArray(), "/"u8.ToArray(), "unlimited"u8.ToArray(), [0xff, 0xfe], "0x10"u8.ToArray(), "\t"u8.ToArray(),
    ];

    /// <summary>
    /// Cuts an input at every byte. A cut one must be refused, or give what <paramref name="isUnderstood"/> accepts: as a rule what the whole
    /// gives, since whatever was there was read rightly.
    /// </summary>
    public static void EveryTruncationIsRefusedOrUnderstood<T>(byte[] whole, Func<byte[], T> parse, Func<int, T, bool>? isUnderstood = null)
    {
        T expected = parse(whole);
        isUnderstood ??= (_, actual) => EqualityComparer<T>.Default.Equals(actual, expected);
        for (int length = 0; length < whole.Length; length++)
        {
            T actual;
            try
            {
                actual = parse(whole[..length]);
            }
            catch (KernelReadException)
            {
                continue;
            }

            isUnderstood(length, actual).ShouldBeTrue($"cut after {length} of {whole.Length} bytes it was misread as {actual}");
        }
    }

    /// <summary>Whatever bytes come, a parser returns or throws <see cref="KernelReadException"/>, and allocates little.</summary>
    /// <param name="samples">Valid inputs, which are damaged in many ways.</param>
    /// <param name="parse">The parser.</param>
    /// <param name="prepare">What has to be done with an input before it can be parsed.</param>
    public static void NothingButRefusalsEscape(IReadOnlyList<byte[]> samples, Action<byte[]> parse, Action<byte[]>? prepare = null)
    {
        Gen<byte[]> noise = Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf();
        Gen<byte[]> damaged =
            from sample in Gen.Elements(samples.ToArray())
            from damages in Gen.Zip(Gen.Zip(Gen.Choose(0, 5), Gen.Choose(0, int.MaxValue - 1)), Gen.Zip(Gen.Choose(0, 255), Gen.Choose(0, int.MaxValue - 1))).NonEmptyListOf()
            select damages.Take(4).Aggregate(sample, (bytes, d) => Damage(bytes, d.Item1.Item1, d.Item1.Item2, (byte)d.Item2.Item1, d.Item2.Item2));
        Gen<byte[]> input = Gen.Frequency((1, noise), (4, damaged));

        // The first call loads what the parser needs.
        foreach (byte[] bytes in samples.Append([]))
        {
            prepare?.Invoke(bytes);
            Attempt(parse, bytes);
        }

        Prop.ForAll(input.ToArbitrary(), bytes =>
        {
            prepare?.Invoke(bytes);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Attempt(parse, bytes);
            return GC.GetAllocatedBytesForCurrentThread() - before < AllocationLimit;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(Runs).WithQuietOnSuccess(true));
    }

    private static void Attempt(Action<byte[]> parse, byte[] bytes)
    {
        try
        {
            parse(bytes);
        }
        catch (KernelReadException)
        {
            // The one exception that a parser may throw.
        }
    }

    private static byte[] Damage(byte[] bytes, int kind, int where, byte value, int other)
    {
        int at = bytes.Length == 0 ? 0 : where % bytes.Length;
        int length = bytes.Length == 0 ? 0 : Math.Min(other % 64, bytes.Length - at);
        return kind switch
        {
            0 => bytes[..at],
            1 => [.. bytes[..at], .. bytes[(at + length)..]],
            2 => [.. bytes[..at], .. bytes[at..(at + length)], .. bytes[at..]],
            3 => [.. bytes[..at], .. Nasty[other % Nasty.Length], .. bytes[at..]],
            4 => [.. bytes[..at], .. Nasty[other % Nasty.Length], .. bytes[(at + length)..]],
            _ when bytes.Length == 0 => bytes,
            _ => [.. bytes[..at], value, .. bytes[(at + 1)..]],
        };
    }
}
