using Microsoft.Net.Http.Headers;

namespace ConnExporter.Metrics;

/// <summary>The text formats that a page can have.</summary>
internal enum ExpositionFormat
{
    /// <summary>Prometheus text format 0.0.4.</summary>
    Text,

    /// <summary>OpenMetrics 1.0.</summary>
    OpenMetrics,
}

/// <summary>Content types, and the choice between them by the Accept header (RFC 9110 §12.5.1).</summary>
internal static class ExpositionFormats
{
    private const int ByName = 3;

    /// <summary>The Content-Type of a page.</summary>
    public static string ContentType(this ExpositionFormat format) => format == ExpositionFormat.OpenMetrics
        ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
        : "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>
    /// OpenMetrics where it is asked for by name and wanted more than text; text for everybody else, also for those who ask for something
    /// that is not here: a page in another format beats none.
    /// </summary>
    /// <param name="accept">The values of the Accept header; a malformed header counts as none.</param>
    public static ExpositionFormat Negotiate(IList<string> accept)
    {
        if (!MediaTypeHeaderValue.TryParseList(accept, out IList<MediaTypeHeaderValue>? ranges))
        {
            return ExpositionFormat.Text;
        }

        (int openMetricsMatch, double openMetrics) = Wanted(ranges, "application", "openmetrics-text", "1.0.0");
        (int textMatch, double text) = Wanted(ranges, "text", "plain", "0.0.4");
        bool byName = openMetricsMatch == ByName && openMetrics > 0;
        return byName && (openMetrics > text || (openMetrics == text && textMatch < ByName)) ? ExpositionFormat.OpenMetrics : ExpositionFormat.Text;
    }

    // The most specific range that matches decides (type/subtype over type/* over */*), the best of several alike.
    private static (int Match, double Quality) Wanted(IList<MediaTypeHeaderValue> ranges, string type, string subType, string version)
    {
        (int Match, double Quality) best = (0, 0);
        foreach (MediaTypeHeaderValue range in ranges)
        {
            bool sameType = range.Type.Equals(type, StringComparison.OrdinalIgnoreCase);
            int match = range.MatchesAllTypes ? 1
                : sameType && range.MatchesAllSubTypes ? 2
                : sameType && range.SubType.Equals(subType, StringComparison.OrdinalIgnoreCase) && HasVersion(range, version) ? ByName
                : 0;
            double quality = range.Quality ?? 1;
            if (match > best.Match || (match == best.Match && match > 0 && quality > best.Quality))
            {
                best = (match, quality);
            }
        }

        return best;
    }

    private static bool HasVersion(MediaTypeHeaderValue range, string version)
    {
        foreach (NameValueHeaderValue parameter in range.Parameters)
        {
            if (parameter.Name.Equals("version", StringComparison.OrdinalIgnoreCase))
            {
                return HeaderUtilities.RemoveQuotes(parameter.Value).Equals(version, StringComparison.Ordinal);
            }
        }

        return true;
    }
}
