using System.Globalization;
using System.Text;
using ConnExporter.Metrics;
using ConnExporter.Sampling;
using ConnExporter.State;

namespace ConnExporter.Tests.Support;

/// <summary>A page as a scraper sees it, read by a parser of its own: text 0.0.4 and, but for its end, OpenMetrics.</summary>
internal sealed class MetricsText
{
    private MetricsText(IReadOnlyList<Series> series, IReadOnlyList<Family> families)
    {
        Series = series;
        Families = families;
    }

    public IReadOnlyList<Series> Series { get; }

    public IReadOnlyList<Family> Families { get; }

    /// <summary>The value of one series, null where the page has none.</summary>
    public string? this[string name, params string[] labelValues] =>
        Series.SingleOrDefault(series => series.Name == name && series.Labels.Select(label => label.Value).SequenceEqual(labelValues))?.Value;

    /// <summary>All series of a family: label values, and the value behind them.</summary>
    public IEnumerable<string> Of(string name) =>
        Series.Where(series => series.Name == name).Select(series => string.Join(' ', series.Labels.Select(label => label.Value).Append(series.Value)));

    /// <summary>What one reading writes.</summary>
    public static MetricsText Of(Reading reading)
    {
        var page = new ExpositionWriter();
        ReadingMetrics.Write(page, reading);
        page.End();
        return Parse(Encoding.UTF8.GetString(page.ToText(ExpositionFormat.Text)));
    }

    /// <summary>The whole page of a snapshot.</summary>
    public static MetricsText Of(Snapshot snapshot) => Of(new ExporterState(snapshot));

    /// <summary>The whole page of a state.</summary>
    public static MetricsText Of(ExporterState state)
    {
        var page = new ExpositionWriter();
        MetricsPage.Write(page, state);
        page.Repeats.ShouldBe(0, "a series is written twice");
        return Parse(Encoding.UTF8.GetString(page.ToText(ExpositionFormat.Text)));
    }

    /// <summary>A value as a number; the formats differ in how they write infinity.</summary>
    public static double Number(string value) => value switch { "+Inf" => double.PositiveInfinity, "-Inf" => double.NegativeInfinity, _ => double.Parse(value, CultureInfo.InvariantCulture) };

    public static MetricsText Parse(string text)
    {
        (text.Length == 0 || text[^1] == '\n').ShouldBeTrue("the last line has an end");
        List<Series> series = [];
        List<Family> families = [];
        foreach (string line in text.Split('\n').SkipLast(1).Where(line => line != "# EOF"))
        {
            if (line.StartsWith("# HELP ", StringComparison.Ordinal))
            {
                string[] words = line.Split(' ', 4);
                families.Add(new Family(words[2], words[3], ""));
            }
            else if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                string[] words = line.Split(' ');
                families[^1].Name.ShouldBe(words[2]);
                families[^1] = families[^1] with { Type = words[3] };
            }
            else
            {
                series.Add(ParseSeries(line));
            }
        }

        return new MetricsText(series, families);
    }

    private static Series ParseSeries(string line)
    {
        int at = line.IndexOfAny(['{', ' ']);
        string name = line[..at];
        List<(string, string)> labels = [];
        if (line[at] == '{')
        {
            do
            {
                int equals = line.IndexOf('=', at);
                string label = line[(at + 1)..equals];
                line[equals + 1].ShouldBe('"');
                at = equals + 2;
                var value = new StringBuilder();
                for (; line[at] != '"'; at++)
                {
                    value.Append(line[at] != '\\' ? line[at] : line[++at] switch { '\\' => '\\', '"' => '"', 'n' => '\n', char other => throw new FormatException($"\\{other} in {line}") });
                }

                labels.Add((label, value.ToString()));
                at++;
            }
            while (line[at] == ',');

            line[at++].ShouldBe('}');
        }

        line[at].ShouldBe(' ');
        return new Series(name, labels, line[(at + 1)..]);
    }
}

internal sealed record Series(string Name, IReadOnlyList<(string Name, string Value)> Labels, string Value);

internal sealed record Family(string Name, string Help, string Type);
