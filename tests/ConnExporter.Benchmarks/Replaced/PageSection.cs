using System.Buffers.Text;
using System.Text;

namespace ConnExporter.Benchmarks.Replaced;

/// <summary>The series of one family as they go on a page. Its buffer is kept from page to page.</summary>
internal sealed class PageSection
{
    private byte[] bytes = new byte[256];
    private int length;

    /// <summary>Whether the page has it already.</summary>
    public bool IsBegun { get; set; }

    public ReadOnlySpan<byte> Bytes => bytes.AsSpan(0, length);

    public void Clear() => length = 0;

    public void Append(ReadOnlySpan<byte> text)
    {
        Reserve(text.Length);
        text.CopyTo(bytes.AsSpan(length));
        length += text.Length;
    }

    /// <summary>A name and its labels, up to the blank before the value.</summary>
    public void AppendSeries(OwnWriter.Names family, ReadOnlySpan<string> labelValues)
    {
        Append(family.Name);
        for (int i = 0; i < labelValues.Length; i++)
        {
            Append(i == 0 ? "{"u8 : ","u8);
            Append(family.Labels[i]);
            Append("=\""u8);
            AppendEscaped(labelValues[i]);
            Append("\""u8);
        }

        Append(labelValues.IsEmpty ? " "u8 : "} "u8);
    }

    public void AppendNumber(double value)
    {
        if (!double.IsFinite(value))
        {
            Append(double.IsNaN(value) ? "NaN"u8 : value > 0 ? "+Inf"u8 : "-Inf"u8);
            return;
        }

        Reserve(32);
        Utf8Formatter.TryFormat(value, bytes.AsSpan(length), out int written);
        length += written;
    }

    private void AppendEscaped(string value)
    {
        // Escaping doubles a character at most; UTF-8 needs three bytes for a UTF-16 unit at most.
        Reserve(value.Length * 3 * 2);
        if (value.AsSpan().IndexOfAny('\\', '"', '\n') < 0)
        {
            length += Encoding.UTF8.GetBytes(value, bytes.AsSpan(length));
            return;
        }

        foreach (Rune rune in value.EnumerateRunes())
        {
            switch (rune.Value)
            {
                case '\\':
                    Append("\\\\"u8);
                    break;
                case '"':
                    Append("\\\""u8);
                    break;
                case '\n':
                    Append("\\n"u8);
                    break;
                default:
                    length += rune.EncodeToUtf8(bytes.AsSpan(length));
                    break;
            }
        }
    }

    private void Reserve(int count)
    {
        if (bytes.Length - length < count)
        {
            Array.Resize(ref bytes, Math.Max(bytes.Length * 2, length + count));
        }
    }
}
