using System.Collections.Immutable;
using System.Numerics;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Remedies for the queues of a listener.</summary>
internal static class ListenerRemedies
{
    private const ulong CurrentDefault = 4096;
    private const ulong Largest = 65_535;

    /// <summary>The names of the settings that matter to accept queues.</summary>
    public static ImmutableArray<string> Settings { get; } = ["net.core.somaxconn", "net.ipv4.tcp_abort_on_overflow", "net.ipv4.tcp_syncookies"];

    /// <summary>The backlog to try: four times as much, at least today's default.</summary>
    public static ulong LargerBacklog(ulong limit) => Math.Clamp(BitOperations.RoundUpToPowerOf2(limit * 4), CurrentDefault, Largest);

    /// <summary>Answers SYNs beyond a full queue with cookies.</summary>
    /// <returns>None where they are on.</returns>
    public static IEnumerable<Remedy> EnableCookies(Observation seen) =>
        HostCommand.Change(new Remedy("enable_syncookies", RemedyKind.Grace), HostCommand.Raise(seen, SettingCatalogue.SynCookies, 1));

    /// <summary>A longer queue, by whichever of somaxconn and the backlog of listen() is what is short.</summary>
    /// <param name="seen">Where.</param>
    /// <param name="limit">The limit in force, the lesser of the two at the time of listen().</param>
    /// <param name="holder">Who listens; null where that is not known.</param>
    /// <param name="kind">Of what stands between now and a longer queue only a configuration.</param>
    /// <returns>None where the queue is as long as any should be.</returns>
    public static IEnumerable<Remedy> LongerQueue(Observation seen, ulong limit, Holder? holder, RemedyKind kind)
    {
        ulong larger = LargerBacklog(limit);
        if (larger <= limit)
        {
            return [];
        }

        (string, object)[] values = [("backlog", larger), ("limit", limit)];
        if (seen.NumberOf(SettingCatalogue.SoMaxConn) is { } most && most >= larger)
        {
            return [new Remedy("larger_backlog", kind) { Values = [.. values, ("somaxconn", most)] }];
        }

        // With somaxconn above the limit it is the backlog that is short: to listen again with the same changes nothing.
        SettingStep? raise = HostCommand.Raise(seen, SettingCatalogue.SoMaxConn, larger);
        return seen.NumberOf(SettingCatalogue.SoMaxConn) > limit
            ? HostCommand.Change(new Remedy("raise_backlog", RemedyKind.Room) { Values = [.. values] }, raise)
            :
            [
                .. HostCommand.Change(new Remedy("relisten_with_larger_backlog", RemedyKind.Grace, [.. Reload(seen, holder)]) { Values = [.. values] }, raise),
                new Remedy("raise_backlog", RemedyKind.Room) { Values = [.. values] },
            ];
    }

    private static IEnumerable<ShellCommand> Reload(Observation seen, Holder? holder) => HostUnits.ServiceOf(seen, holder?.Unit) is { } service ? [ShellCommand.Of("systemctl", "reload").On(service)] : [];
}
