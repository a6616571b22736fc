using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>The peer has closed, the application does not: each such socket keeps a descriptor for as long as the process lives. No sysctl changes that.</summary>
internal sealed class CloseWaitLeak() : Rule("close_wait_leak", Severity.Warning, Severity.Critical)
{
    private const double Hysteresis = 0.8;
    private const double LeastGrowth = 20;
    private const int Shown = 3;

    // What is older than the threshold has lasted.
    public override ImmutableArray<Input> Inputs => [Input.States, Input.CloseWaitAges];

    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        Thresholds thresholds = seen.Thresholds;
        if (seen.Census is not { } census || OldOnes(seen, census) is not { } old || old < thresholds.CloseWaitWarning * (held is null ? 1 : Hysteresis))
        {
            return null;
        }

        LastingGrowth? growth = LastingGrowth.Of(seen.Memory, "close_wait", thresholds.LeakGrowth, LeastGrowth);
        bool critical = growth is not null || old >= thresholds.CloseWaitCritical * (held == Severity.Critical ? Hysteresis : 1);
        ulong unaccepted = Sum(census, row => row.UnacceptedCloseWait);
        ulong all = census.States.IsDefaultOrEmpty ? old : census.States[(int)TcpState.CloseWait];

        // The ages do not tell which of them wait to be accepted: those that do not must be too few to be the leak.
        bool isUnaccepted = unaccepted * 2 > all && (all - Math.Min(all, unaccepted)) < (ulong)thresholds.CloseWaitWarning;
        ImmutableArray<Holder> processes = SocketHolding.Of(seen, HeldSockets.CloseWait);
        ImmutableArray<Holder> holders = Holders(seen, census, processes);
        return new Verdict(critical ? Severity.Critical : Severity.Warning, SocketHolding.InstanceOf(holders))
        {
            IsUnaccepted = isUnaccepted,
            Evidence =
            [
                new Fact("close_wait_old", ("count", old), ("age", thresholds.CloseWaitAge), ("oldest", census.OldestCloseWait ?? thresholds.CloseWaitAge)),
                .. growth is { } rise ? [new Fact("close_wait_grows", ("from", (ulong)rise.From), ("to", (ulong)rise.To), ("over", rise.Over))] : Array.Empty<Fact>(),
                .. census.Holders.Where(row => row.Kind == HeldSockets.CloseWait).Take(processes.Length)
                    .Select(row => new Fact("close_wait_of_process", ("process", new OutsideName(row.Owner.Name)), ("pid", $"{row.Owner.Pid}"), ("count", row.Count), ("oldest", row.Oldest ?? TimeSpan.Zero))),
                .. Place(census) is { } place ? [new Fact(place.Inbound ? "close_wait_of_listener" : "close_wait_to_port", ("port", place.Port), ("count", place.Count))] : Array.Empty<Fact>(),
                .. WithoutDescriptor(seen, census),
            ],
            Holders = holders,
            Remedies =
            [
                .. isUnaccepted ? SeeWhatItDoes(holders) : [Kill(seen, census)],
                .. unaccepted > 0 ? [new Remedy("accept_faster", RemedyKind.Application)] : Array.Empty<Remedy>(),
                .. unaccepted < all ? [new Remedy("close_after_peer", RemedyKind.Application)] : Array.Empty<Remedy>(),
            ],
        };
    }

    private static ulong Sum(CensusReading census, Func<CensusReading.ListenerRow, ulong> count) => census.Listeners.Aggregate(0ul, (sum, row) => sum + count(row));

    // What waits to be accepted is in no process's hands, only in its listener's queue. Of accepted ones without a descriptor the listener tells at least whose
    // connections they were, once it is certain that nobody has one.
    private static ImmutableArray<Holder> Holders(Observation seen, CensusReading census, ImmutableArray<Holder> processes)
    {
        bool guess = IsComplete(seen, census) || processes.IsEmpty;
        IEnumerable<Holder> listening = census.Listeners
            .Select(row => (Row: row, Count: row.UnacceptedCloseWait + (guess ? row.OwnerlessCloseWait : 0)))
            .Where(pair => pair.Count > 0)
            .Select(pair => seen.HolderOfListener(pair.Row.Address, pair.Row.Port) is { } holder ? holder with { Count = pair.Count } : null)
            .OfType<Holder>();
        ImmutableArray<Holder> holders =
        [
            .. processes.Concat(listening)
                .GroupBy(holder => holder with { Count = null })
                .Select(group => group.Key with { Count = group.Aggregate(0ul, (sum, holder) => sum + (holder.Count ?? 0)) })
                .OrderByDescending(holder => holder.Count).Take(Shown),
        ];
        return holders.IsEmpty ? SocketHolding.Of(seen, HeldSockets.CloseWait, TcpState.CloseWait) : holders;
    }

    private static IEnumerable<Fact> WithoutDescriptor(Observation seen, CensusReading census)
    {
        foreach (CensusReading.ListenerRow row in census.Listeners.Where(row => row.UnacceptedCloseWait > 0).OrderByDescending(row => row.UnacceptedCloseWait).Take(Shown))
        {
            yield return new Fact("close_wait_not_accepted", ("count", row.UnacceptedCloseWait), ("instance", InetAddress.WithPort(row.Address, row.Port)));
            foreach (Fact fact in SocketHolding.OfListener(seen, row.Address, row.Port))
            {
                yield return fact;
            }
        }

        foreach (CensusReading.ListenerRow row in census.Listeners.Where(row => row.OwnerlessCloseWait > 0).OrderByDescending(row => row.OwnerlessCloseWait).Take(Shown))
        {
            yield return new Fact(
                IsComplete(seen, census) ? "close_wait_without_descriptor" : "close_wait_of_unknown_holder",
                ("count", row.OwnerlessCloseWait),
                ("instance", InetAddress.WithPort(row.Address, row.Port)));
        }
    }

    // That nobody has a descriptor is known only where every process that could is there to be read.
    private static bool IsComplete(Observation seen, CensusReading census) =>
        census.IsAttributionComplete == true && Input.VisibleProcesses.IsKnown(seen.Host) && Input.ProcessesOfTheNetwork.IsKnown(seen.Host);

    private static IEnumerable<Remedy> SeeWhatItDoes(ImmutableArray<Holder> holders)
    {
        if (holders.FirstOrDefault()?.ProcessId is { } pid)
        {
            yield return new Remedy("see_what_the_acceptor_does", RemedyKind.Grace, ShellCommand.Of("ps", "-L", "-o", "tid,stat,pcpu,wchan:32,comm", "-p", $"{pid}"));
        }
    }

    private static ulong? OldOnes(Observation seen, CensusReading census) => census.CloseWaitAges is { } ages ? ages.CountFrom(seen.Thresholds.CloseWaitAge)
        : census.OldestCloseWait >= seen.Thresholds.CloseWaitAge ? seen.States?[TcpState.CloseWait]
        : null;

    private static Remedy Kill(Observation seen, CensusReading census)
    {
        string[] filter = Place(census) is { } place ? [place.Inbound ? "sport" : "dport", "=", $":{place.Port}"] : [];
        return new Remedy(
            "kill_close_wait",
            RemedyKind.Grace,
            seen.Inside(ShellCommand.Of("ss", "-tnpoe", "state", "close-wait").KeptIn("close-wait.txt")),
            seen.Inside(ShellCommand.Of("ss", ["-K", "-t", "state", "close-wait", .. filter])));
    }

    // Where most of them are: behind a listener, or towards a port.
    private static (bool Inbound, string Port, ulong Count)? Place(CensusReading census)
    {
        IEnumerable<(bool Inbound, string Port, ulong Count)> inbound = census.Listeners.GroupBy(row => row.Port).Select(group => (true, group.Key, group.Aggregate(0ul, (sum, row) => sum + row.CloseWait)));
        IEnumerable<(bool Inbound, string Port, ulong Count)> outbound = census.RemotePorts.Where(row => row.Key != Labels.Other).Select(row => (false, row.Key, row.States[(int)TcpState.CloseWait]));
        (bool Inbound, string Port, ulong Count) most = inbound.Concat(outbound).DefaultIfEmpty().MaxBy(place => place.Count);
        return most.Count > 0 ? most : null;
    }
}
