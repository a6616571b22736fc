using System.Globalization;
using System.Text;
using ConnExporter.Incidents;
using ConnExporter.Sampling;
using ConnExporter.Texts;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace ConnExporter.Web.Pages;

/// <summary>Answers what belongs to the status page: the page, its files, the JSON, the runbooks and, where a flight recorder keeps any, the incidents.</summary>
/// <remarks>Nothing here waits on a thread of those that answer requests: the disk has a thread of its own, and who waits for a page to be rendered holds none.</remarks>
internal sealed class StatusRoutes(StatusSite site, IncidentPages? incidents = null)
{
    /// <summary>Where the diagnosis is.</summary>
    public const string DiagnosisPath = "/api/v1/diagnosis";

    /// <summary>The tables as JSON.</summary>
    public const string SnapshotPath = "/api/v1/snapshot";

    private const string Html = "text/html; charset=utf-8";
    private const string Json = "application/json; charset=utf-8";
    private const string AssetPrefix = "/assets/";
    private const string RunbookPrefix = "/runbooks/";
    private const string IncidentPrefix = "/incidents/";
    private const string JsonSuffix = ".json";

    /// <summary>The answer to a request; null where the path is none of the page's.</summary>
    /// <param name="request">The request.</param>
    /// <param name="path">Its path.</param>
    /// <param name="compressed">Whether the answer is to be had with gzip.</param>
    public async ValueTask<PageAnswer?> FindAsync(HttpRequest request, string path, bool compressed)
    {
        Language language = LanguageOf(request);
        return path switch
        {
            "/" => await PageAsync(language, compressed),
            "/api/v1/page" => await DocumentAsync(StatusSite.Document.Parts, language, Json, compressed),

            // The texts of JSON are English unless another language is asked for by name: programs read it.
            DiagnosisPath => await DocumentAsync(StatusSite.Document.Diagnosis, Asked(request) ?? Language.English, Json, compressed),
            SnapshotPath => await DocumentAsync(StatusSite.Document.Snapshot, Language.English, Json, compressed),
            "/api/v1/history" => await DocumentAsync(StatusSite.Document.History, Language.English, Json, compressed),
            "/runbooks" when !Runbooks.Ids.IsEmpty => PageAnswer.Of(Html, Runbooks.RenderList(TextBook.Of(language))),
            "/incidents" when incidents is not null => await RecordedAsync(incidents, request, path, record: null, language, compressed, () => PageAnswer.Of(Html, incidents.RenderList(TextBook.Of(language)))),
            _ when incidents is not null && path.StartsWith(IncidentPrefix, StringComparison.Ordinal) => await IncidentAsync(incidents, request, path, language, compressed),
            _ when path.StartsWith(AssetPrefix, StringComparison.Ordinal) => Assets.All.TryGetValue(path[AssetPrefix.Length..], out Asset? asset) ? PageAnswer.Of(asset) : null,
            _ when path.StartsWith(RunbookPrefix, StringComparison.Ordinal) && Runbooks.Find(path[RunbookPrefix.Length..], language) is { } text =>
                PageAnswer.Of(Html, Runbooks.Render(path[RunbookPrefix.Length..], text, TextBook.Of(language))),
            _ => null,
        };
    }

    /// <summary>The language to answer in: the one asked for by <c>?lang=</c>, else the one the browser prefers.</summary>
    public static Language LanguageOf(HttpRequest request)
    {
        if (Asked(request) is { } asked)
        {
            return asked;
        }

        // What cannot be read prefers nothing.
        string? first = !StringWithQualityHeaderValue.TryParseList(request.Headers.AcceptLanguage!, out IList<StringWithQualityHeaderValue>? accepted) ? null
            : accepted.Where(language => language.Quality is not 0 && IsKnown(language.Value.ToString()))
            .OrderByDescending(language => language.Quality ?? 1).FirstOrDefault()?.Value.ToString();
        return Languages.OfLocale(first);
    }

    private static Language? Asked(HttpRequest request) => request.Query["lang"].ToString() switch
    {
        "zh" => Language.Chinese,
        "en" => Language.English,
        _ => null,
    };

    private static bool IsKnown(string language) => language.StartsWith("zh", StringComparison.OrdinalIgnoreCase) || language.StartsWith("en", StringComparison.OrdinalIgnoreCase);

    private static ValueTask<PageAnswer?> IncidentAsync(IncidentPages pages, HttpRequest request, string path, Language language, bool compressed)
    {
        string id = path[IncidentPrefix.Length..];
        if (id.EndsWith(JsonSuffix, StringComparison.Ordinal))
        {
            return RecordedAsync(pages, request, path, record: null, Language.English, compressed, () => pages.Json(id[..^JsonSuffix.Length]) is { } json ? PageAnswer.Of(Json, json) : null);
        }

        int? number = int.TryParse(request.Query["record"].ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out int asked) ? asked : null;
        return RecordedAsync(pages, request, path, number, language, compressed, () => pages.Render(id, number, TextBook.Of(language)) is { } page ? PageAnswer.Of(Html, page) : null);
    }

    // A disk that is gone or hangs, or a file that was cut off, is no fault of who asks, and no crash.
    private static async ValueTask<PageAnswer?> RecordedAsync(IncidentPages pages, HttpRequest request, string path, int? record, Language language, bool compressed, Func<PageAnswer?> read)
    {
        if (pages.Disk.Refusal() is { } refusal)
        {
            return Unreadable(refusal);
        }

        try
        {
            return await pages.Disk.AskAsync(new DiskQuestion(path, record, language.Tag(), compressed), read, request.HttpContext.RequestAborted);
        }
        catch (IncidentException e)
        {
            return Unreadable(e.Message);
        }
    }

    private static PageAnswer Unreadable(string why) => PageAnswer.Of("text/plain; charset=utf-8", Visible.Of(why) + "\n") with { Status = StatusCodes.Status503ServiceUnavailable };

    private async ValueTask<PageAnswer> PageAsync(Language language, bool compressed) => await site.GetAsync(StatusSite.Document.Page, language, compressed) is { } page
        ? PageAnswer.Of(Html, page)
        : PageAnswer.Of(Html, StatusPage.Render(parts: null, TextBook.Of(language), site.Site));

    private async ValueTask<PageAnswer> DocumentAsync(StatusSite.Document document, Language language, string contentType, bool compressed) => await site.GetAsync(document, language, compressed) is { } rendering
        ? PageAnswer.Of(contentType, rendering)
        : PageAnswer.Of(contentType, """
            {"version":1,"error":"waiting for the first diagnosis"}

            """) with { Status = StatusCodes.Status503ServiceUnavailable };
}

/// <summary>An answer that may be kept and asked for again.</summary>
/// <param name="ContentType">Its type.</param>
/// <param name="Tag">Its entity tag; null where it has none.</param>
/// <param name="CacheControl">How long it may be kept.</param>
/// <param name="Content">Its bytes, compressed with gzip or not.</param>
internal sealed record PageAnswer(string ContentType, string? Tag, string CacheControl, Func<bool, byte[]> Content)
{
    /// <summary>Only what this daemon itself serves may be loaded, nothing may be run or styled in the markup, nobody may frame it.</summary>
    public const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

    // It shows addresses and names: no proxy keeps it, and no browser shows it without having asked again.
    private const string AskAgain = "private, no-cache";

    // Their addresses change with their content.
    private const string ForGood = "max-age=31536000, immutable";

    /// <summary>The status, unless the browser has it already.</summary>
    public int Status { get; init; } = StatusCodes.Status200OK;

    public static PageAnswer Of(string contentType, StatusSite.Rendering rendering) => new(contentType, rendering.Tag, AskAgain, rendering.Get);

    public static PageAnswer Of(Asset asset)
    {
        var rendering = new StatusSite.Rendering(asset.Content, $"\"{asset.Version}\"");
        return new(asset.ContentType, rendering.Tag, ForGood, rendering.Get);
    }

    public static PageAnswer Of(string contentType, string text) => Of(contentType, Encoding.UTF8.GetBytes(text));

    public static PageAnswer Of(string contentType, byte[] content)
    {
        var rendering = new StatusSite.Rendering(content, "");
        return new(contentType, Tag: null, AskAgain, rendering.Get);
    }

    /// <summary>Whether the asker has it already (RFC 9110 §13.1.2).</summary>
    public bool IsKnownTo(HttpRequest request) =>
        Tag is { } tag && EntityTagHeaderValue.TryParseList(request.Headers.IfNoneMatch!, out IList<EntityTagHeaderValue>? known)
        && known.Any(one => one.Equals(EntityTagHeaderValue.Any) || one.Tag == tag || one.Tag == Compressed(tag));

    /// <summary>The tag of the bytes that go out: another for compressed ones.</summary>
    public static string Compressed(string tag) => tag[..^1] + "-gzip\"";
}
