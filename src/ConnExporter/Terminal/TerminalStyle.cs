using ConnExporter.Kernel;

namespace ConnExporter.Terminal;

/// <summary>How text looks where it is read: with colour and blocks on a terminal, plain in a pipe.</summary>
/// <param name="Colour">Whether escape sequences are understood.</param>
/// <param name="Blocks">Whether characters beyond ASCII may draw bars.</param>
/// <param name="Width">Columns.</param>
internal sealed record TerminalStyle(bool Colour, bool Blocks, int Width)
{
    /// <summary>What a pipe gets.</summary>
    public static readonly TerminalStyle Plain = new(Colour: false, Blocks: false, 80);

    // Longer lines are hard to read, and in shorter ones nothing is to be seen.
    private const int Widest = 160;
    private const int Narrowest = 40;

    /// <summary>Whether a text arrives as it is, character for character: in the locale's set it may not.</summary>
    public Func<string, bool> Carries { get; init; } = static _ => true;

    /// <summary>The style of standard output.</summary>
    /// <param name="environment">Reads an environment variable; NO_COLOR and a dumb terminal mean plain.</param>
    public static TerminalStyle OfOutput(Func<string, string?> environment)
    {
        if (Console.IsOutputRedirected)
        {
            return Plain with { Carries = LocaleOutput.Carries };
        }

        bool dumb = environment("TERM") is null or "" or "dumb";
        int width = TerminalSize.Of(1) is { } size ? Math.Clamp(size.Columns, Narrowest, Widest) : Plain.Width;
        return new TerminalStyle(!dumb && string.IsNullOrEmpty(environment("NO_COLOR")), !dumb, width) { Carries = LocaleOutput.Carries };
    }

    /// <summary>Bold.</summary>
    public string Strong(string text) => Escape("1", text);

    /// <summary>The one of several that is chosen.</summary>
    public string Chosen(string text) => Escape("7", text);

    /// <summary>Less visible.</summary>
    public string Faint(string text) => Escape("2", text);

    /// <summary>The colour of a severity: critical, warning, info or ok.</summary>
    public string Severity(string severity, string text) => Escape(severity switch { "critical" => "1;31", "warning" => "1;33", "ok" => "1;32", _ => "1;36" }, text);

    /// <summary>A bar.</summary>
    public string Bar(double ratio, int width)
    {
        int full = (int)Math.Ceiling(Math.Clamp(ratio, 0, 1) * width);
        string bar = new(Blocks ? '█' : '#', full);
        return bar + new string(Blocks ? '░' : '.', width - full);
    }

    private string Escape(string code, string text) => Colour && text.Length > 0 ? $"\u001b[{code}m{text}\u001b[0m" : text;
}
