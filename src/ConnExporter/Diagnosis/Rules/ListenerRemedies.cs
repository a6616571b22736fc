using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.Numerics;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Remedies for the queues of a listener.</summary>
internal static class ListenerRemedies
{
    // Whoever may make a cgroup may give it any name, and this is for a shell.
    private static readonly SearchValues<char> OfUnitNames = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.@:");

    private const ulong CurrentDefault = 4096;
    private const ulong Largest = 65_535;

    /// <summary>The names of the settings that matter to accept queues.</summary>
    public static ImmutableArray<string> Settings { get; } = ["net.core.somaxconn", "net.ipv4.tcp_abort_on_overflow", "net.ipv4.tcp_syncookies"];

    /// <summary>The backlog to try: four times as much, at least today's default.</summary>
    public static ulong LargerBacklog(ulong limit) => Math.Clamp(BitOperations.RoundUpToPowerOf2(limit * 4), CurrentDefault, Largest);

    /// <summary>Raises somaxconn, and has the service call listen() again where its unit is known.</summary>
    public static Remedy Relisten(Observation seen, ulong limit, Holder? holder) =>
        new("relisten_with_larger_backlog", RemedyKind.Grace, [SetSomaxconn(seen, limit), .. Reload(holder)]) { Values = [("backlog", LargerBacklog(limit))] };

    /// <summary>A larger backlog for good.</summary>
    public static Remedy RaiseBacklog(Observation seen, ulong limit) => new("raise_backlog", RemedyKind.Room, SetSomaxconn(seen, limit)) { Values = [("backlog", LargerBacklog(limit))] };

    private static string SetSomaxconn(Observation seen, ulong limit) => seen.Inside(string.Create(CultureInfo.InvariantCulture, $"sysctl -w net.core.somaxconn={LargerBacklog(limit)}"));

    private static IEnumerable<string> Reload(Holder? holder) => holder?.Unit is { } unit && unit.EndsWith(".service", StringComparison.Ordinal) && !unit.AsSpan().ContainsAnyExcept(OfUnitNames) ? [$"systemctl reload {unit}"] : [];
}
