namespace ConnExporter.Texts;

/// <summary>A language that the texts exist in.</summary>
internal enum Language
{
    English,
    Chinese,
}

/// <summary>Chooses the language.</summary>
internal static class Languages
{
    private static readonly string[] Variables = ["LC_ALL", "LC_MESSAGES", "LANG"];

    /// <summary>The folder of its texts, and its name in <c>--lang</c> and in HTML.</summary>
    public static string Tag(this Language language) => language == Language.Chinese ? "zh" : "en";

    /// <summary>The language of a locale such as <c>zh_CN.UTF-8</c>; English for all but Chinese.</summary>
    public static Language OfLocale(string? locale) => locale?.StartsWith("zh", StringComparison.OrdinalIgnoreCase) == true ? Language.Chinese : Language.English;

    /// <summary>The language of this process: LC_ALL goes before LC_MESSAGES, that before LANG.</summary>
    /// <param name="variable">Reads an environment variable.</param>
    public static Language OfEnvironment(Func<string, string?> variable) =>
        OfLocale(Variables.Select(variable).FirstOrDefault(value => !string.IsNullOrEmpty(value)));
}
