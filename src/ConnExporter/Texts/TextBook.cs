using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using ConnExporter.Diagnosis;
using YamlDotNet.RepresentationModel;

namespace ConnExporter.Texts;

/// <summary>
/// All texts of one language, from the files <c>Texts/en/*.yml</c> or <c>Texts/zh/*.yml</c> that are in the program: a key and its text a line, with
/// <c>{name}</c> where a value goes.
/// </summary>
internal sealed class TextBook
{
    private static readonly Lazy<TextBook>[] Books = [.. Enum.GetValues<Language>().Select(language => new Lazy<TextBook>(() => new TextBook(language)))];
    private readonly FrozenDictionary<string, string> texts;

    private TextBook(Language language)
    {
        Language = language;
        string prefix = $"Texts/{language.Tag()}/";
        texts = typeof(TextBook).Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
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

    /// <summary>A value as it stands in a sentence: 12,345; 81 %; 2 h 5 min; 1.5 GiB.</summary>
    public static string Format(object value) => value switch
    {
        string text => text,
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

        var filled = new StringBuilder(text);
        foreach ((string name, object value) in values)
        {
            filled.Replace("{" + name + "}", Format(value));
        }

        return filled.ToString();
    }

    private static IEnumerable<KeyValuePair<string, string>> Read(string resource)
    {
        using var reader = new StreamReader(typeof(TextBook).Assembly.GetManifestResourceStream(resource)!);
        var yaml = new YamlStream();
        yaml.Load(reader);
        return ((YamlMappingNode)yaml.Documents[0].RootNode).Children.Select(entry => KeyValuePair.Create(((YamlScalarNode)entry.Key).Value!, ((YamlScalarNode)entry.Value).Value!));
    }
}
