using System.Globalization;
using System.Text.RegularExpressions;
using ConnExporter.Metrics;

namespace ConnExporter.Benchmarks.Parts;

/// <summary>Series as snapshots have them: the golden page of a recorded host, cut or made longer, whose values and label sets move on.</summary>
internal sealed partial class PageRows
{
    private readonly List<Row> rows = [];
    private readonly Random random = new(7);
    private int moves;

    private PageRows()
    {
    }

    /// <summary>So many series of a recorded host.</summary>
    public static PageRows OfRecordedHost(int count)
    {
        var made = new PageRows();
        List<Row> recorded = Recorded();
        made.rows.AddRange(recorded.Take(count));
        List<Row> labelled = [.. recorded.Where(row => row.Labels.Length > 0)];
        for (int i = 0; made.rows.Count < count; i++)
        {
            Row row = labelled[i % labelled.Count];
            made.rows.Add(new Row(row.Family, [$"{row.Labels[0]}-{i}", .. row.Labels[1..]], row.Value));
        }

        // Those of a family side by side, as readings write them.
        List<Row> ordered = [.. made.rows.GroupBy(row => row.Family).SelectMany(family => family)];
        made.rows.Clear();
        made.rows.AddRange(ordered);
        return made;
    }

    /// <summary>The next snapshot: a fifth of the values are higher, one label set in fifty is another.</summary>
    public void Move()
    {
        moves++;
        for (int i = 0; i < rows.Count; i++)
        {
            Row row = rows[i];
            int chance = random.Next(100);
            if (chance < 20)
            {
                row.Value += random.Next(1, 1000);
            }
            else if (chance < 22 && row.Labels.Length > 0)
            {
                row.Labels = [$"{row.Labels[0].Split('~')[0]}~{moves}.{i}", .. row.Labels[1..]];
            }
        }
    }

    /// <summary>One after the other.</summary>
    public void ForEach(Action<Row> work) => rows.ForEach(work);

    private static List<Row> Recorded()
    {
        List<Row> recorded = [];
        MetricFamily? family = null;
        string help = "";
        string type = "";
        foreach (string line in File.ReadLines(Path.Join(Places.RepositoryRoot, "tests/ConnExporter.Tests/Fixtures/linux-6.18/page.golden.txt")))
        {
            if (line.StartsWith("# HELP", StringComparison.Ordinal))
            {
                help = line.Split(' ', 4)[3];
            }
            else if (line.StartsWith("# TYPE", StringComparison.Ordinal))
            {
                type = line.Split(' ')[3];
                family = null;
            }
            else
            {
                Match series = Series().Match(line);
                string[] labels = [.. series.Groups["label"].Captures.Select(label => label.Value)];
                string name = series.Groups["name"].Value;
                family ??= type == "counter" ? MetricFamily.Counter(name, help, labels) : MetricFamily.Gauge(name, help, labels);
                recorded.Add(new Row(family, [.. series.Groups["text"].Captures.Select(text => text.Value)], double.Parse(series.Groups["value"].Value, CultureInfo.InvariantCulture)));
            }
        }

        return recorded;
    }

    [GeneratedRegex(@"^(?<name>\w+)(\{((?<label>\w+)=""(?<text>[^""]*)"",?)*\})? (?<value>\S+)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Series();

    /// <summary>One series.</summary>
    internal sealed class Row(MetricFamily family, string[] labels, double value)
    {
        public MetricFamily Family { get; } = family;

        public string[] Labels { get; set; } = labels;

        public double Value { get; set; } = value;
    }
}
