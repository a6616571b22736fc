using System.Text.Json;
using ConnExporter.Configuration;
using ConnExporter.Hosting;
using ConnExporter.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Commands;

/// <summary><c>diff</c>: tells what has changed between two diagnoses that were saved.</summary>
internal static class DiffCommand
{
    /// <summary>Runs it.</summary>
    /// <param name="before">The earlier file.</param>
    /// <param name="after">The later file.</param>
    /// <param name="language">The language; null for the locale's.</param>
    /// <returns>0 where findings and settings are the same, 1 where they are not.</returns>
    public static int Run(string before, string after, Language? language)
    {
        var book = TextBook.Of(LocaleOutput.Begin(language));
        using JsonDocument first = DiagnosisFile.Read(before);
        using JsonDocument second = DiagnosisFile.Read(after);
        try
        {
            string text = DiffText.Render(first.RootElement, second.RootElement, book, TerminalStyle.OfOutput(Environment.GetEnvironmentVariable), out bool isSame);
            Console.Out.Write(text);
            return isSame ? ExitCode.Ok : ExitCode.Different;
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new ConfigurationException($"{before}, {after}: one of them is no whole diagnosis");
        }
    }
}
