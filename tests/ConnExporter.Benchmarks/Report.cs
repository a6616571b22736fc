using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Benchmarks;

/// <summary>What was measured, as Markdown.</summary>
internal sealed class Report
{
    private readonly StringBuilder text = new();

    public Report(BenchmarkSettings settings)
    {
        text.Append("# Benchmarks\n\n");
        text.Append("Written by `dotnet run -c Release --project tests/ConnExporter.Benchmarks -- --write docs/benchmarks.md`: the published daemon and its peers, one after the other\n");
        text.Append("on the same sockets in one run. Absolute figures belong to this machine; the ratios are what to compare.\n\n");
        text.Append($"Linux {Environment.OSVersion.Version.ToString(3)}, {Environment.ProcessorCount} CPUs, {RuntimeInformation.FrameworkDescription}; medians of {settings.Rounds} rounds, lowest and highest in brackets.\n");
    }

    public bool TargetsMet { get; private set; } = true;

    public void Section(string title, string what) => text.Append($"\n## {title}\n\n{what}\n\n");

    public void Figure(string what, IReadOnlyCollection<double> values, string unit) =>
        text.Append($"- {what}: **{Number(Median(values))} {unit}** ({Number(values.Min())}–{Number(values.Max())})\n");

    public void Target(string what, double value, double atMost, string unit)
    {
        bool met = value <= atMost;
        TargetsMet &= met;
        text.Append($"- {what}: **{Number(value)}{unit}**, target at most {Number(atMost)}{unit}: {(met ? "met" : "**missed**")}\n");
    }

    public string ToMarkdown() => text.ToString();

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    private static string Number(double value) => value.ToString(Math.Abs(value) < 1 ? "0.####" : "0.##", CultureInfo.InvariantCulture);
}
