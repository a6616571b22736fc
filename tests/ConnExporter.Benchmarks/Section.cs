using System.Globalization;
using System.Text;

namespace ConnExporter.Benchmarks;

/// <summary>What one part found, as Markdown.</summary>
internal sealed class Section(string title)
{
    private readonly StringBuilder text = new();

    public string Title => title;

    public bool TargetsMet { get; private set; } = true;

    /// <summary>A paragraph.</summary>
    public void Say(string what) => text.Append('\n').Append(what).Append("\n\n");

    /// <summary>Values of all rounds.</summary>
    public void Figure(string what, IEnumerable<double> values, string unit) => text.Append($"- {what}: **{Median(values).ToText()}{Spaced(unit)}** {Range(values)}\n");

    /// <summary>Values of all rounds, whose median has to keep below a bound.</summary>
    public void Target(string what, IEnumerable<double> values, double atMost, string unit) => Judge(what, values, Median(values), atMost, unit);

    /// <summary>Values of all rounds, none of which may be above a bound.</summary>
    public void Bound(string what, IEnumerable<double> values, double atMost, string unit) => Judge(what, values, values.Max(), atMost, unit);

    /// <summary>A table; the first column is text.</summary>
    public void Table(IEnumerable<string> head, IEnumerable<IEnumerable<string>> rows)
    {
        string[] columns = [.. head];
        text.Append($"\n| {string.Join(" | ", columns)} |\n|---|{string.Concat(Enumerable.Repeat("---:|", columns.Length - 1))}\n");
        foreach (IEnumerable<string> row in rows)
        {
            text.Append($"| {string.Join(" | ", row)} |\n");
        }

        text.Append('\n');
    }

    /// <summary>Median, lowest and highest, for a table.</summary>
    public static string Cell(IEnumerable<double> values) => $"{Median(values).ToText()} {Range(values)}";

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    public string ToMarkdown() => $"## {title}\n{text.ToString().Replace("\n\n\n", "\n\n", StringComparison.Ordinal).TrimEnd()}\n";

    private void Judge(string what, IEnumerable<double> values, double value, double atMost, string unit)
    {
        bool met = value <= atMost;
        TargetsMet &= met;
        text.Append($"- {what}: **{value.ToText()}{Spaced(unit)}** {Range(values)}, target at most {atMost.ToText()}{Spaced(unit)}: {(met ? "met" : "**missed**")}\n");
    }

    private static string Range(IEnumerable<double> values) => values.Skip(1).Any() ? $"({values.Min().ToText()}–{values.Max().ToText()})" : "(once)";

    private static string Spaced(string unit) => unit is "×" or "" ? unit : " " + unit;
}

/// <summary>How numbers look.</summary>
internal static class Numbers
{
    public static string ToText(this double value) => value.ToString(Math.Abs(value) switch { < 1 => "0.####", < 100 => "0.##", _ => "#,0" }, CultureInfo.InvariantCulture);
}
