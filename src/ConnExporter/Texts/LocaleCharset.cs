namespace ConnExporter.Texts;

/// <summary>The character set of a locale.</summary>
internal static class LocaleCharset
{
    /// <summary>What every set begins with: for locales whose set is not known here.</summary>
    public const string Least = "US-ASCII";

    private static readonly string[] Variables = ["LC_ALL", "LC_CTYPE", "LANG"];

    /// <summary>The set of this process's locale; null for UTF-8, and where nothing is said of one (no locale, C, POSIX).</summary>
    /// <param name="variable">Reads an environment variable.</param>
    public static string? OfEnvironment(Func<string, string?> variable) => Of(Variables.Select(variable).FirstOrDefault(value => !string.IsNullOrEmpty(value)));

    /// <summary>The set of a locale such as <c>zh_CN.GB18030</c>; of one that names none that of glibc's (localedata/SUPPORTED); null for UTF-8, C and POSIX.</summary>
    public static string? Of(string? locale)
    {
        string name = locale?.Split('@')[0] ?? "";
        int dot = name.IndexOf('.', StringComparison.Ordinal);
        string? charset = dot >= 0 ? name[(dot + 1)..] : OfLanguage(name);
        return charset is null or "" || charset.Equals("UTF-8", StringComparison.OrdinalIgnoreCase) || charset.Equals("UTF8", StringComparison.OrdinalIgnoreCase) ? null : charset;
    }

    private static string? OfLanguage(string name) => name switch
    {
        "" or "C" or "POSIX" => null,
        "zh_CN" or "zh_SG" => "GB2312",
        "zh_TW" => "BIG5",
        "zh_HK" => "BIG5-HKSCS",

        // Others have texts in English only.
        _ => Least,
    };
}
