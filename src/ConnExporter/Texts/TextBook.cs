using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using ConnExporter.Diagnosis;
using ConnExporter.Sampling;
using YamlDotNet.RepresentationModel;

namespace ConnExporter.Texts;

/// <summary>
/// All texts of one language, from the files <c>Texts/en/*.yml</c> or <c>Texts/zh/*.yml</c> that are in the program: a key and its text a line, with
/// <c>{name}</c> where a value goes, <c>{name:code}</c> where that is code and a number has no separators.
/// </summary>
internal sealed class TextBook
{
    private static readonly Lazy<TextBook>[] Books = [.. Enum.GetValues<Language>().Select(language => new Lazy<TextBook>(() => new TextBook(language)))];
    private readonly FrozenDictionary<string, string> texts;

    private TextBook(Language language)
    {
        Language = language;
        string prefix = $"Texts/{language.Tag()}/";
        texts = EmbeddedFile.In(prefix)
            .SelectMany(Read)
            .ToFrozenDictionary(StringComparer.Ordinal);
    }

    public Language Language { get; }

    /// <summary>All keys.</summary>
    public IReadOnlyList<string> Keys => texts.Keys;

    /// <summary>The texts of a language.</summary>
    public static TextBook Of(Language language) => Books[(int)language].Value;

    /// <summary>A text.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="values">What goes into it.</param>
    /// <exception cref="KeyNotFoundException">There is none: a defect that a test looks for.</exception>
    public string this[string key, params IReadOnlyList<(string Name, object Value)> values] => Fill(texts[key], values);

    /// <summary>A text that not every key has.</summary>
    public string? Find(string key, params IReadOnlyList<(string Name, object Value)> values) => texts.TryGetValue(key, out string? text) ? Fill(text, values) : null;

    /// <summary>A fact as a sentence.</summary>
    public string Say(Fact fact) => this["fact." + fact.Key, fact.Values];

    /// <summary>What a remedy does, and why its commands are left out, or what they presume.</summary>
    public string EffectOf(Remedy remedy)
    {
        string lasting = LastingOf(remedy);
        string effect = this[$"remedy.{remedy.Key}.effect", remedy.Values];
        string? more = remedy.DefersTo is { } finding ? this["remedies.deferred", ("finding", finding)]
            : remedy.IsWithheld ? this["remedies.withheld"]
            : remedy.Unread is { Length: > 0 } unread ? this["remedies.unread", ("settings", string.Join(", ", unread))]
            : null;
        IEnumerable<string> said = [effect, .. lasting.Length == 0 ? [] : (string[])[lasting], .. remedy.Notes.Select(note => $"{Say(note)}{(Language == Language.English ? "." : "。")}")];
        return string.Join(' ', more is null ? said : said.Append(more));
    }

    // What sets the sysctls of the host at its start does not set those of a container.
    private string LastingOf(Remedy remedy) => remedy.CommandLines.IsEmpty || !remedy.Steps.Any(step => step.IsSysctl) ? ""
        : this[remedy.Steps.All(step => step.IsOfOwnPlace) ? "remedies.lasting" : "remedies.lasting_elsewhere"];

    /// <summary>A value as it stands in a sentence: 12,345; 81 %; 2 h 5 min; 1.5 GiB.</summary>
    public static string Format(object value) => value switch
    {
        string text => text,
        OutsideName name => Visible.Name(name.Text),
        Share share => FormatShare(share.Ratio),
        Bytes bytes => FormatBytes(bytes.Count),
        TimeSpan time => FormatTime(time),
        double number => number.ToString(Math.Abs(number) < 10 ? "0.##" : "#,0", CultureInfo.InvariantCulture),
        IFormattable number => number.ToString("#,0", CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    /// <summary>A ratio as a percentage: a little is not nothing, and almost all is not all.</summary>
    public static string FormatShare(double ratio) => ratio switch
    {
        > 0 and < 0.01 => "<1 %",
        > 0.99 and < 1 => ">99 %",
        _ => $"{Math.Round(ratio * 100).ToString(CultureInfo.InvariantCulture)} %",
    };

    /// <summary>A duration in its two largest units.</summary>
    public static string FormatTime(TimeSpan time) => time switch
    {
        { TotalDays: >= 1 } => $"{time.Days} d {time.Hours} h",
        { TotalHours: >= 1 } => $"{time.Hours} h {time.Minutes} min",
        { TotalMinutes: >= 1 } => time.Seconds == 0 || time.TotalMinutes >= 10 ? $"{(int)time.TotalMinutes} min" : $"{time.Minutes} min {time.Seconds} s",
        { TotalSeconds: >= 1 } => $"{(int)time.TotalSeconds} s",
        _ => $"{(int)time.TotalMilliseconds} ms",
    };

    private static string FormatBytes(double count)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        int unit = 0;
        for (; count >= 1024 && unit < units.Length - 1; unit++)
        {
            count /= 1024;
        }

        return $"{count.ToString(count < 10 && unit > 0 ? "0.0" : "0", CultureInfo.InvariantCulture)} {units[unit]}";
    }

    private static string Fill(string text, IReadOnlyList<(string Name, object Value)> values)
    {
        if (values.Count == 0)
        {
            return text;
        }

        // Once, from left to right: a name may hold "{limit}" itself.
        var filled = new StringBuilder(text.Length);
        for (int rest = 0; ;)
        {
            int open = text.IndexOf('{', rest);
            int close = open < 0 ? -1 : text.IndexOf('}', open);
            if (close < 0)
            {
                return filled.Append(text, rest, text.Length - rest).ToString();
            }

            const string Code = ":code";
            ReadOnlySpan<char> name = text.AsSpan(open + 1, close - open - 1);
            bool isCode = name.EndsWith(Code, StringComparison.Ordinal);
            name = isCode ? name[..^Code.Length] : name;
            object? value = null;
            foreach ((string known, object with) in values)
            {
                value = name.SequenceEqual(known) ? with : value;
            }

            filled.Append(text, rest, open - rest);
            rest = value is null ? open + 1 : close + 1;
            filled.Append(value is null ? "{" : isCode && value is IFormattable number ? number.ToString(null, CultureInfo.InvariantCulture) : Format(value));
        }
    }

    private static IEnumerable<KeyValuePair<string, string>> Read(string name)
    {
        using var reader = new StringReader(EmbeddedFile.FindText(name)!);
        var yaml = new YamlStream();
        yaml.Load(reader);
        return ((YamlMappingNode)yaml.Documents[0].RootNode).Children.Select(entry => KeyValuePair.Create(((YamlScalarNode)entry.Key).Value!, ((YamlScalarNode)entry.Value).Value!));
    }
}
