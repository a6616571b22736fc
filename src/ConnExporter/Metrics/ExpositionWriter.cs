using System.Buffers.Text;
using System.Text;

namespace ConnExporter.Metrics;

/// <summary>Writes one page: the only place that knows a text format. Reusable; its buffer is kept from page to page.</summary>
/// <remarks>
/// <see href="https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md">text 0.0.4</see> and
/// <see href="https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md">OpenMetrics 1.0</see>.
/// </remarks>
internal sealed class ExpositionWriter
{
    private readonly HashSet<MetricFamily> families = [];
    private readonly ExpositionFormat format;
    private byte[] page = new byte[32 * 1024];
    private int length;
    private MetricFamily? current;

    public ExpositionWriter(ExpositionFormat format) => this.format = format;

    /// <summary>The page so far.</summary>
    public ReadOnlyMemory<byte> Page => page.AsMemory(0, length);

    /// <summary>Series so far.</summary>
    public int SeriesCount { get; private set; }

    /// <summary>Starts a new page.</summary>
    public void Clear()
    {
        families.Clear();
        length = 0;
        current = null;
        SeriesCount = 0;
    }

    /// <summary>Writes one series; the family's header goes before its first.</summary>
    /// <param name="family">The family.</param>
    /// <param name="value">Any value; integers are written exactly up to 2^53.</param>
    /// <param name="labelValues">One value for each label of the family.</param>
    /// <exception cref="InvalidOperationException">A family that was left and is entered again, or a wrong number of labels: a defect in a collector.</exception>
    public void Write(MetricFamily family, double value, params ReadOnlySpan<string> labelValues)
    {
        BeginSeries(family, labelValues);
        Reserve(32);
        if (double.IsFinite(value))
        {
            Utf8Formatter.TryFormat(value, page.AsSpan(length), out int written);
            length += written;
        }
        else
        {
            Append(double.IsNaN(value) ? "NaN"u8 : value > 0 ? "+Inf"u8 : "-Inf"u8);
        }

        Append("\n"u8);
    }

    /// <summary>Writes one series with a whole number, exact over the full range.</summary>
    public void Write(MetricFamily family, ulong value, params ReadOnlySpan<string> labelValues)
    {
        BeginSeries(family, labelValues);
        Reserve(32);
        Utf8Formatter.TryFormat(value, page.AsSpan(length), out int written);
        length += written;
        Append("\n"u8);
    }

    /// <summary>Writes one series where there is a value, and nothing where there is none.</summary>
    public void Write(MetricFamily family, ulong? value, params ReadOnlySpan<string> labelValues)
    {
        if (value is { } known)
        {
            Write(family, known, labelValues);
        }
    }

    /// <summary>Ends the page.</summary>
    public void End()
    {
        if (format == ExpositionFormat.OpenMetrics)
        {
            Append("# EOF\n"u8);
        }
    }

    private void BeginSeries(MetricFamily family, ReadOnlySpan<string> labelValues)
    {
        if (labelValues.Length != family.Labels.Count)
        {
            throw new InvalidOperationException($"{family.Name} has {family.Labels.Count} labels, not {labelValues.Length}");
        }

        if (family != current)
        {
            if (!families.Add(family))
            {
                throw new InvalidOperationException($"{family.Name} is written in two places of one page");
            }

            current = family;
            Append(format == ExpositionFormat.OpenMetrics ? family.OpenMetricsHeader : family.TextHeader);
        }

        SeriesCount++;
        Append(family.NameBytes);
        for (int i = 0; i < labelValues.Length; i++)
        {
            Append(i == 0 ? "{"u8 : ","u8);
            Append(family.LabelBytes[i]);
            Append("=\""u8);
            AppendEscaped(labelValues[i]);
            Append("\""u8);
        }

        Append(labelValues.IsEmpty ? " "u8 : "} "u8);
    }

    private void AppendEscaped(string value)
    {
        // Escaping doubles a character at most; UTF-8 needs three bytes for a UTF-16 unit at most.
        Reserve(value.Length * 3 * 2);
        if (value.AsSpan().IndexOfAny('\\', '"', '\n') < 0)
        {
            length += Encoding.UTF8.GetBytes(value, page.AsSpan(length));
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
                    length += rune.EncodeToUtf8(page.AsSpan(length));
                    break;
            }
        }
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        bytes.CopyTo(page.AsSpan(length));
        length += bytes.Length;
    }

    private void Reserve(int count)
    {
        if (page.Length - length < count)
        {
            Array.Resize(ref page, Math.Max(page.Length * 2, length + count));
        }
    }
}
