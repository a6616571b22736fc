using System.Text.Json;
using ConnExporter.Diagnosis;
using ConnExporter.Sampling;
using ConnExporter.Texts;

namespace ConnExporter.Terminal;

/// <summary>Fields of a document of <see cref="Json.ReportJson"/> as texts show them. Names come from others: what commands a terminal is shown, not done.</summary>
/// <remarks>Each throws a <see cref="FormatException"/>, <see cref="KeyNotFoundException"/> or <see cref="InvalidOperationException"/> where the document is none.</remarks>
internal static class ReportFields
{
    /// <summary>Limits such as fs.file-max can be as good as none.</summary>
    private const double NoLimit = 1e12;

    /// <summary>A text; null where the field is.</summary>
    public static string? Optional(JsonElement element, string name) => element.GetProperty(name).GetString() is { } text ? Visible.Of(text) : null;

    /// <summary>A text.</summary>
    public static string Text(JsonElement element, string name) => Optional(element, name) ?? throw new FormatException($"{name} is null");

    /// <summary>A duration; null where the field is.</summary>
    public static TimeSpan? Seconds(JsonElement element, string name) => element.GetProperty(name) is not { ValueKind: JsonValueKind.Number } number ? null
        : number.GetDouble() is var seconds && Math.Abs(seconds) < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(seconds)
        : throw new FormatException($"{name} is longer than any time");

    /// <summary>An amount of a resource.</summary>
    public static string Amount(JsonElement instance, string name, bool isMemory)
    {
        double amount = instance.GetProperty(name).GetDouble();
        return amount >= NoLimit ? "∞" : TextBook.Format(isMemory ? new Bytes(amount) : (object)(ulong)amount);
    }

    /// <summary>What is used of an instance, what may be, and its limit.</summary>
    public static string UsedOfLimit(JsonElement instance, bool isMemory) =>
        $"{Amount(instance, "used", isMemory)}{(instance.TryGetProperty("possible", out _) ? $"–{Amount(instance, "possible", isMemory)}" : "")}/{Amount(instance, "limit", isMemory)}";

    /// <summary>The instance of a resource that is nearest to its limit.</summary>
    public static JsonElement WorstOf(JsonElement resource) =>
        resource.GetProperty("instances").EnumerateArray() is var instances && instances.MoveNext() ? instances.Current : throw new FormatException("a resource without an instance");
}
