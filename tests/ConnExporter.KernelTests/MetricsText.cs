using System.Globalization;

namespace ConnExporter.KernelTests;

/// <summary>A page in the Prometheus text format, read by the tests' own eyes. Label values here have no commas and no escapes.</summary>
internal sealed class MetricsText
{
    private readonly List<(string Name, string[] Labels, double Value)> rows = [];

    public MetricsText(string text)
    {
        Text = text;
        foreach (string line in text.Split('\n'))
        {
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            int space = line.LastIndexOf(' ');
            int brace = line.IndexOf('{');
            string name = brace < 0 ? line[..space] : line[..brace];
            string[] labels = brace < 0 ? [] : line[(brace + 1)..(space - 1)].Split(',');
            rows.Add((name, labels, double.Parse(line.AsSpan(space + 1), NumberStyles.Float, CultureInfo.InvariantCulture)));
        }
    }

    public string Text { get; }

    /// <summary>Every series, its labels each as <c>name="value"</c>.</summary>
    public IReadOnlyList<(string Name, string[] Labels, double Value)> Rows => rows;

    /// <summary>How many series the page has.</summary>
    public int Series => rows.Count;

    /// <summary>The value of the one row with that name and those labels (each as <c>name="value"</c>), or null.</summary>
    public double? Find(string name, params string[] labels)
    {
        var found = rows.Where(row => row.Name == name && labels.All(row.Labels.Contains)).ToList();
        return found.Count switch
        {
            0 => null,
            1 => found[0].Value,
            _ => throw new InvalidOperationException($"{name}{{{string.Join(',', labels)}}}: {found.Count} rows"),
        };
    }

    /// <summary>The same, where a row must be there.</summary>
    public double Value(string name, params string[] labels) =>
        Find(name, labels) ?? throw new InvalidOperationException($"{name}{{{string.Join(',', labels)}}} is not on the page, which has of it:\n{string.Join('\n', rows.Where(row => row.Name == name).Select(row => $"{string.Join(',', row.Labels)} {row.Value}"))}");

    /// <summary>The sum of the rows with that name and those labels.</summary>
    public double Sum(string name, params string[] labels) => rows.Where(row => row.Name == name && labels.All(row.Labels.Contains)).Sum(row => row.Value);
}
