using ConnExporter.Configuration;
using ConnExporter.Explain;
using ConnExporter.Hosting;
using ConnExporter.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Commands;

/// <summary><c>explain</c>: the runbook page for a finding, an error message, a line of the kernel's log, a setting or an old habit.</summary>
internal static class ExplainCommand
{
    /// <summary>Prints the answer, or all topics where nothing is asked.</summary>
    /// <param name="words">What is asked, as many words as it came in.</param>
    /// <param name="language">The language; null for the locale's.</param>
    public static int Run(IReadOnlyList<string> words, Language? language)
    {
        Language spoken = language ?? Languages.OfEnvironment(Environment.GetEnvironmentVariable);
        string asked = string.Join(' ', words).Trim();
        if (asked.Length == 0)
        {
            Console.Out.Write(new Explanation(spoken, TerminalStyle.OfOutput(Environment.GetEnvironmentVariable)).List());
            return ExitCode.Ok;
        }

        if (Topics.Find(asked) is { } topic)
        {
            Console.Out.Write(new Explanation(spoken, TerminalStyle.OfOutput(Environment.GetEnvironmentVariable)).Of(topic));
            return ExitCode.Ok;
        }

        Console.Error.WriteLine($"conn-exporter: {TextBook.Of(spoken)["explain.unknown", ("asked", asked)]}{Suggestion.For(asked, Topics.Names)}\n");
        Console.Error.Write(new Explanation(spoken, TerminalStyle.Plain).List());
        return ExitCode.Unknown;
    }
}
