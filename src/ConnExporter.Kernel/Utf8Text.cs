using System.Text.Unicode;

namespace ConnExporter.Kernel;

/// <summary>Text from bytes that should be UTF-8. What is none becomes U+FFFD, as with <see cref="System.Text.Encoding.UTF8"/>, which takes 64 bytes for each such byte.</summary>
public static class Utf8Text
{
    private const int Chunk = 256;

    /// <summary>The text; nothing is allocated besides.</summary>
    /// <param name="bytes">Any bytes.</param>
    public static string Of(ReadOnlySpan<byte> bytes)
    {
        Span<char> characters = stackalloc char[Chunk];
        int length = 0;
        for (ReadOnlySpan<byte> rest = bytes; !rest.IsEmpty;)
        {
            Utf8.ToUtf16(rest, characters, out int read, out int written);
            length += written;
            rest = rest[read..];
        }

        return string.Create(length, bytes, static (text, source) => Utf8.ToUtf16(source, text, out _, out _));
    }
}
