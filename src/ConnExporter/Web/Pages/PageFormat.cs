using System.Globalization;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Texts;

namespace ConnExporter.Web.Pages;

/// <summary>Values as the page shows them, the same in each language.</summary>
internal static class PageFormat
{
    /// <summary>What stands where a value is not known.</summary>
    public const string Unknown = "–";

    /// <summary>Any value of a table.</summary>
    public static string Of(object? value) => value switch
    {
        null => Unknown,
        "" => "\"\"",
        DateTimeOffset time => Time(time),
        TimeSpan { TotalMilliseconds: > 0 and < 10 } time => $"{time.TotalMilliseconds.ToString("0.##", CultureInfo.InvariantCulture)} ms",
        TimeSpan { TotalSeconds: >= 1 and < 10 } time => $"{time.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture)} s",
        _ => TextBook.Format(value),
    };

    /// <summary>What tables are sorted by.</summary>
    public static string SortKey(object value) => value switch
    {
        Share share => Number(share.Ratio),
        Bytes bytes => Number(bytes.Count),
        TimeSpan time => Number(time.TotalSeconds),
        DateTimeOffset time => Number(time.ToUnixTimeMilliseconds()),
        IFormattable number => number.ToString(format: null, CultureInfo.InvariantCulture),
        _ => "",
    };

    /// <summary>An amount of a resource, in its unit.</summary>
    public static string Amount(ResourceKind kind, double amount) => TextBook.Format(kind == ResourceKind.TcpMemory ? new Bytes(amount) : (object)(ulong)Math.Max(0, amount));

    /// <summary>A time of day with its date, in UTC: what logs are compared by.</summary>
    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>A number of a drawing or of a key.</summary>
    public static string Number(double number) => number.ToString("0.####", CultureInfo.InvariantCulture);
}
