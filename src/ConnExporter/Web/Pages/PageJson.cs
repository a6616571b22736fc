using System.Text.Json;
using ConnExporter.Json;

namespace ConnExporter.Web.Pages;

/// <summary><c>/api/v1/page</c>: the parts of the status page as its script puts them into it. For the page of the same version; everything in it is in the other documents as data.</summary>
internal static class PageJson
{
    public static void Write(Utf8JsonWriter json, PageParts parts, DateTimeOffset at)
    {
        json.WriteStartObject();
        json.WriteNumber("version", ApiVersion.Number);
        json.WriteString("at", at.UtcDateTime);
        json.WriteString("title", parts.Title);
        json.WriteStartObject("parts");
        json.WriteString("verdict", parts.Verdict.ToString());
        json.WriteString("findings", parts.Findings.ToString());
        json.WriteString("resources", parts.Resources.ToString());
        json.WriteString("tables", parts.Tables.ToString());
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
