using ConnExporter.Configuration;
using ConnExporter.Explain;
using ConnExporter.Hosting;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Commands;

/// <summary><c>explain</c>: the runbook page for a finding, an error message, a line of the kernel's log, a setting or an old habit.</summary>
internal static class ExplainCommand
{
    /// <summary>The verb.</summary>
    public const string Name = "explain";

    private const string StandardInput = "-";
    private const char NotText = '\ufffd';

    // The set of Chinese systems before UTF-8, and a superset of the others of simplified characters: what is not UTF-8 in a UTF-8 locale comes mostly from them.
    private const string OfOldLogs = "GB18030";

    /// <summary>Prints the answer, or all topics where nothing is asked.</summary>
    /// <param name="words">What is asked, as many words as it came in; a hyphen alone reads standard input.</param>
    /// <param name="language">The language; null for the locale's.</param>
    public static int Run(IReadOnlyList<string> words, Language? language)
    {
        Language spoken = LocaleOutput.Begin(language);
        string asked = (words is [StandardInput] ? ReadInput() : string.Join(' ', words)).Trim();
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

        Console.Error.Write(new Explanation(spoken, TerminalStyle.Plain).Unknown(asked, Nearest.To(asked)));
        return ExitCode.Unknown;
    }

    /// <summary>The arguments with what the framework could not read as UTF-8 read in the character set of the locale.</summary>
    /// <param name="args">As the framework gave them.</param>
    public static string[] Decode(string[] args)
    {
        if (!args.Any(arg => arg.Contains(NotText, StringComparison.Ordinal)))
        {
            return args;
        }

        try
        {
            return OwnArguments.Last(args.Length) is { } bytes ? [.. args.Select((arg, i) => arg.Contains(NotText, StringComparison.Ordinal) ? Decode(bytes[i]) : arg)] : args;
        }
        catch (KernelReadException)
        {
            // Without proc the rest of the line may still tell.
            return args;
        }
    }

    /// <summary>Text from bytes of any character set: UTF-8 where more of it is that than not, else the locale's.</summary>
    public static string Decode(byte[] bytes)
    {
        string text = Utf8Text.Of(bytes);
        int wrong = text.Count(c => c == NotText);
        if (wrong == 0 || wrong < text.Count(c => c is not NotText && !char.IsAscii(c)))
        {
            return text;
        }

        using var charset = Charset.Find(LocaleCharset.OfEnvironment(Environment.GetEnvironmentVariable) ?? OfOldLogs);
        return charset?.Decode(bytes) ?? text;
    }

    private static string ReadInput()
    {
        try
        {
            using Stream input = Console.OpenStandardInput();
            byte[] bytes = new byte[Topics.MostLetters];
            return Decode(bytes[..input.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(FileOwner.OfStandardInput is { IsDirectory: true } ? "standard input is a directory" : $"standard input cannot be read: {e.Message}");
        }
    }
}
