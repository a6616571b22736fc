using System.Text.Json;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Sampling;
using ConnExporter.Texts;
using static ConnExporter.Terminal.ReportFields;

namespace ConnExporter.Terminal;

/// <summary>A holder in a document of <see cref="Json.ReportJson"/> as one sentence says who it is.</summary>
internal static class HolderText
{
    /// <summary>What is so new is as old as the look itself.</summary>
    public static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);

    /// <summary>Unit, name, process, when it started and what it holds.</summary>
    /// <param name="book">The language.</param>
    /// <param name="holder">The holder.</param>
    /// <param name="since">When the trouble began.</param>
    /// <param name="at">When it was looked at.</param>
    public static string Of(TextBook book, JsonElement holder, DateTimeOffset since, DateTimeOffset at)
    {
        string name = Text(holder, "name");
        var parts = new List<string>();
        if (holder.TryGetProperty("pid", out JsonElement pid))
        {
            parts.Add($"pid {pid.GetInt32()}");
        }

        if (holder.TryGetProperty("started_at", out JsonElement started))
        {
            // What a single look sees begins with it. A process that is younger than the trouble was restarted in vain; one that is a little older may have brought it.
            TimeSpan before = since - started.GetDateTimeOffset();
            parts.Add(
                at - since < Fresh ? book["cli.started_ago", ("time", at - started.GetDateTimeOffset())]
                : before < TimeSpan.Zero ? book["cli.started_after", ("time", -before)]
                : book["cli.started_before", ("time", before)]);
        }

        string unit = Optional(holder, "unit") is { } known && known != name ? $"{Visible.Name(UnitName.Readable(known))}: " : "";
        string count = holder.TryGetProperty("count", out JsonElement held) ? $", {book["cli.holds", ("count", held.GetUInt64())]}" : "";
        return unit + Visible.Name(name) + (parts.Count > 0 ? $" ({string.Join(", ", parts)})" : "") + count;
    }
}
