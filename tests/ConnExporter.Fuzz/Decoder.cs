using ConnExporter.Kernel;

namespace ConnExporter.Fuzz;

/// <summary>Decodes an input and checks what must hold of the result.</summary>
/// <param name="input">Any bytes.</param>
/// <returns>What kind of result it was, such as how many values: an input that gives a kind not seen before is kept and damaged further.</returns>
internal delegate int Decode(ReadOnlySpan<byte> input);

/// <summary>Finds a length field of a binary input.</summary>
/// <param name="input">The input, damaged or not.</param>
/// <param name="dice">Chooses one.</param>
/// <returns>Its offset and its size in bytes; a size of 0 where there is none.</returns>
internal delegate (int Offset, int Size) FindLength(ReadOnlySpan<byte> input, Dice dice);

/// <summary>One decoder: what it is fed with, how it is called, what it may refuse with and what it may allocate.</summary>
internal sealed class Decoder
{
    /// <summary>What a refusal costs besides the input: the exception, its stack trace, and a message that quotes 80 bytes of it.</summary>
    public const int RefusalBytes = 16 * 1024;

    /// <summary>Its name on the command line.</summary>
    public required string Name { get; init; }

    /// <summary>The methods that it calls, as <c>Type.Method</c>: a test misses the parsers that none calls.</summary>
    public required string[] Methods { get; init; }

    /// <summary>Valid inputs.</summary>
    public required byte[][] Seeds { get; init; }

    /// <summary>Words of its language, to be put where others stand.</summary>
    public byte[][] Words { get; init; } = [];

    /// <summary>Where its length fields are; null for text.</summary>
    public FindLength? Lengths { get; init; }

    /// <summary>The exceptions that it documents. Any other is a defect.</summary>
    public Type[] Refusals { get; init; } = [typeof(KernelReadException)];

    /// <summary>Bytes that it may allocate for each byte of input, and besides.</summary>
    public (double PerByte, int Besides) Allocation { get; init; } = (4, RefusalBytes);

    /// <summary>Decodes and checks.</summary>
    public required Decode Run { get; init; }
}

/// <summary>What must hold of a result does not.</summary>
internal sealed class BrokenPromiseException(string message) : Exception(message);

/// <summary>What decoders promise.</summary>
internal static class Promise
{
    /// <summary>A promise that a condition tells of.</summary>
    public static void Holds(bool condition, string promise)
    {
        if (!condition)
        {
            throw new BrokenPromiseException(promise);
        }
    }

    /// <summary>A number was in the input, as it stands there or with zeros before it.</summary>
    public static void IsIn(ReadOnlySpan<byte> input, ulong number)
    {
        Span<byte> digits = stackalloc byte[20];
        System.Buffers.Text.Utf8Formatter.TryFormat(number, digits, out int length);
        if (input.IndexOf(digits[..length]) < 0)
        {
            throw new BrokenPromiseException($"{number} is nowhere in the input");
        }
    }
}
