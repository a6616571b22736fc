using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Benchmarks;

/// <summary>The report: sections in the order of the suite. Those that are not measured this time stay as they are.</summary>
internal sealed class Report(BenchmarkSettings settings, Daemon daemon)
{
    private const string Heading = "\n## ";

    /// <summary>Takes up what one part found, and writes the file at once: a later part may fail.</summary>
    public void Take(Section section)
    {
        if (settings.Output is not { } file)
        {
            return;
        }

        string before = File.Exists(file) ? File.ReadAllText(file) : "";
        Dictionary<string, string> sections = new(StringComparer.Ordinal);
        foreach (string known in before.Split(Heading).Skip(1))
        {
            sections[known.Split('\n')[0]] = $"{Heading[1..]}{known.TrimEnd()}\n";
        }

        sections[section.Title] = $"{section.ToMarkdown()}\n{Circumstances()}\n";
        var text = new StringBuilder();
        text.Append("# Benchmarks\n\n");
        text.Append("Written by `dotnet run -c Release --project tests/ConnExporter.Benchmarks -- --write docs/benchmarks.md`: the published daemon and its peers, one after the other\n");
        text.Append("on the same sockets in one run, in a network namespace of their own. Absolute figures belong to the machine; the ratios are what to compare. Each figure is the median\n");
        text.Append("of the rounds, with the lowest and the highest in brackets. CPU time is that of the whole process, user and system; MB are 10⁶ bytes.\n");
        foreach (Part part in Suite.Parts.Where(part => sections.ContainsKey(part.Title)))
        {
            text.Append('\n').Append(sections[part.Title]);
        }

        // What the tests measure in their long forms stands at the end, and is not lost.
        foreach (string title in sections.Keys.Except(Suite.Parts.Select(part => part.Title)))
        {
            text.Append('\n').Append(sections[title]);
        }

        File.WriteAllText(file, text.ToString());
    }

    private string Circumstances()
    {
        string processor = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(": ")[1] ?? "processor unknown";
        string version = Command.RunToEnd(daemon.File, "--version").Split('\n')[0].Trim();
        string date = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        return $"*{date}: {version}, {RuntimeInformation.FrameworkDescription}, Linux {Environment.OSVersion.Version.ToString(3)}, {Environment.ProcessorCount} CPUs ({processor}); {string.Join(", ", Peers())}; {settings.Rounds} rounds.*";
    }

    private static IEnumerable<string> Peers()
    {
        foreach (string package in (string[])[Rival.NodeExporter, Rival.ProcessExporter, "iproute2"])
        {
            yield return $"{package} {Command.RunToEnd("dpkg-query", "-W", "-f", "${Version}", package).Trim()}";
        }
    }
}
