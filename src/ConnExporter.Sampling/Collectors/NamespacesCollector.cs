using ConnExporter.Kernel;
using ConnExporter.Kernel.Namespaces;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Collectors;

/// <summary>
/// The other network namespaces, read in turn by one set of the collectors that read our own: from inside where the kernel lets us in, else from
/// <c>/proc/PID/net</c>, which shows counters and, socket by socket, the states.
/// </summary>
/// <remarks>
/// A round looks at each namespace: how many sockets it has, and its counters where it has any. Those in which something has happened are then walked, as far as
/// the round's CPU time goes: a walk costs as much as all sockets of the host. The next round goes on where it ended, with those first that are in trouble, full, or
/// have waited for long. Nothing stays open between two turns: a descriptor or a socket would keep a namespace alive that everybody else has left
/// (docs/kernel-facts.md §7).
/// </remarks>
internal sealed class NamespacesCollector : Collector
{
    /// <summary>Namespaces on the page, the troubled and fullest first.</summary>
    public const int Shown = 96;

    /// <summary>Those of them that are shown in full.</summary>
    public const int ShownInFull = 16;

    /// <summary>Listeners of each of these.</summary>
    public const int ListenersShown = 8;

    /// <summary>Sockets of a namespace that cannot be entered beyond which its states are not read: a line of text for each takes 2 µs.</summary>
    public const int TableLimit = 20_000;

    /// <summary>Readings are kept of so many times those that are shown, so that whoever is shown next is known.</summary>
    private const int Spare = 2;

    /// <summary>How much fuller another must be to take the place of one that is shown in full.</summary>
    private const double Sticky = 1.25;

    /// <summary>CPU time after which a round looks at no further namespace, and walks none; it walks one at least, or nobody ever would be where there are very many.</summary>
    private static readonly TimeSpan CpuBudget = TimeSpan.FromMilliseconds(250);

    private readonly KernelSource kernel;
    private readonly NamespaceScope scope;
    private readonly NamespaceTable table;
    private readonly NamespaceThread thread;
    private readonly NamespaceCollectors inside;
    private readonly Func<Func<TimeSpan, NamespaceVisit?>, TimeSpan> tour;
    private readonly Dictionary<(ulong Id, string Name), NamespaceMember> members = [];
    private uint round;

    /// <summary>Reads them from a thread that goes into them.</summary>
    /// <param name="kernel">Where to read.</param>
    /// <param name="scope">Which others are read.</param>
    /// <param name="allAtOnce">Whether each look has to tell all that it can.</param>
    public NamespacesCollector(KernelSource kernel, NamespaceScope scope, bool allAtOnce = false)
        : this(kernel, scope, tour: null, allAtOnce)
    {
    }

    /// <summary>Reads what a test plays.</summary>
    /// <param name="kernel">Where to read.</param>
    /// <param name="scope">Which others are read.</param>
    /// <param name="tour">Does the work inside one namespace after the other and tells its CPU time; a test plays it.</param>
    /// <param name="allAtOnce">Whether each look has to tell all that it can.</param>
    internal NamespacesCollector(KernelSource kernel, NamespaceScope scope, Func<Func<TimeSpan, NamespaceVisit?>, TimeSpan>? tour, bool allAtOnce = false)
    {
        this.kernel = kernel;
        this.scope = scope;
        table = new NamespaceTable(kernel.Proc, kernel.Pods);
        thread = new NamespaceThread(kernel.Proc.PathOf("self/ns/net"));
        inside = NamespaceCollectors.Inside(kernel, allAtOnce);
        this.tour = tour ?? thread.Run;
    }

    public override Reading Collect(CollectContext context)
    {
        if (scope == NamespaceScope.Host)
        {
            return NamespacesReading.None;
        }

        round++;
        Find();
        int lost = thread.Lost;
        var visits = new Visits(this, context, NamespaceBounds.Of(members.Values.Count(member => member.Sockets > 0)));
        visits.Make(members.Values.OrderByDescending(member => member.UrgencyToLook(round)).ThenBy(member => member.Entry.Id), isWalk: false);
        visits.Make(
            members.Values.Where(member => member.IsDueForWalk(round))
                .OrderByDescending(member => member.UrgencyToWalk(round)).ThenByDescending(member => member.Sockets).ThenBy(member => member.Entry.Id),
            isWalk: true);
        if (scope == NamespaceScope.All && visits.Denial is { } denial && members.Values.All(member => member.IsDenied || member.LookedAt == 0))
        {
            throw denial;
        }

        visits.NoteMissed(visits.Vanished.Count == 0 ? [] : table.Find());
        string? trouble = thread.Lost > lost ? "a thread could not return from another network namespace and was given up"
            : visits.Denial is not null ? $"{NamespaceThread.Needs}{Capabilities.Known(Capabilities.Effective(kernel.Proc), Capabilities.SysAdmin, Capabilities.SysPtrace)}; of those that cannot be entered the page shows what /proc/PID/net tells"
            : visits.Failure;

        // It makes the diagnosis incomplete, so that it is said whatever else there is to say.
        context.Note(string.Join("; ", new[] { trouble, visits.MissedWhy }.OfType<string>()) is { Length: > 0 } note ? note : null);
        return Read(context, visits.Missed);
    }

    public override void Close()
    {
        table.Dispose();
        thread.Dispose();
        inside.Dispose();
    }

    private void Find()
    {
        foreach (NamespaceEntry entry in table.Find())
        {
            if (!members.TryGetValue((entry.Id, entry.Name), out NamespaceMember? member))
            {
                member = new NamespaceMember { Entry = entry };
                members.Add((entry.Id, entry.Name), member);
            }

            member.Entry = entry;
            member.Round = round;
        }

        foreach (((ulong, string) key, NamespaceMember member) in members)
        {
            if (member.Round != round)
            {
                members.Remove(key);
            }
        }
    }

    private NamespacesReading Read(CollectContext context, int missed)
    {
        List<NamespaceMember> worstFirst = [.. members.Values.Where(member => member.IsRead)
            .OrderByDescending(member => member.IsTroubled(round))
            .ThenByDescending(member => member.Sockets * (member.IsShownInFull ? Sticky : 1))
            .ThenByDescending(member => member.Others * (member.IsShownInFull ? Sticky : 1))
            .ThenBy(member => member.Entry.Id)];
        for (int i = 0; i < worstFirst.Count; i++)
        {
            worstFirst[i].IsShown = i < Shown;
            worstFirst[i].IsShownInFull = i < ShownInFull;
            worstFirst[i].Keep(inFull: i < ShownInFull * Spare, any: i < Shown * Spare);
        }

        context.Drop("conn_tcp_sockets", Math.Max(0, worstFirst.Count - Shown) * StatesReading.SocketSeries);
        context.Drop("conn_listener_accept_queue", worstFirst.Skip(ShownInFull).Sum(member => member.Listeners));
        return new NamespacesReading(
            [
                .. worstFirst.Take(Shown).Where(member => member.Readings is not null).OrderBy(member => member.Entry.Name, StringComparer.Ordinal)
                    .Select(member => new NamespacesReading.Row(member.Entry.Name, member.Readings!, member.IsShownInFull) { ProcessId = member.Entry.ProcessId, Path = member.Entry.Path, Inhabitants = member.IsShownInFull ? table.Describe(member.Entry) : null }),
            ],
            members.Count,
            worstFirst.Count,
            members.Values.Count(member => member.IsDenied))
        {
            Missed = missed,
        };
    }

    /// <summary>The visits of one round.</summary>
    private sealed class Visits(NamespacesCollector owner, CollectContext context, NamespaceBounds bounds)
    {
        private readonly uint round = owner.round;
        private TimeSpan spent;

        /// <summary>The first that was not let in.</summary>
        public KernelReadException? Denial { get; private set; }

        /// <summary>The first other failure.</summary>
        public string? Failure { get; private set; }

        /// <summary>How many are there and were not read.</summary>
        public int Missed { get; private set; }

        /// <summary>Why the first of them was not.</summary>
        public string? MissedWhy { get; private set; }

        /// <summary>Those that were not there when they were to be entered, and why.</summary>
        public List<(NamespaceMember Member, KernelReadException Why)> Vanished { get; } = [];

        /// <summary>
        /// Of those that were not there, counts those that are: what is mounted at a path that leads elsewhere, as where something else is mounted over it, is not gone
        /// but was not read.
        /// </summary>
        /// <param name="there">All that are there now.</param>
        public void NoteMissed(IReadOnlyList<NamespaceEntry> there)
        {
            foreach ((NamespaceMember member, KernelReadException why) in Vanished.DistinctBy(vanished => vanished.Member).Where(vanished => there.Any(entry => entry.Id == vanished.Member.Entry.Id && entry.Path == vanished.Member.Entry.Path)))
            {
                Missed++;
                if (Failure?.StartsWith($"{member.Entry.Name}: ", StringComparison.Ordinal) == true)
                {
                    // Said already.
                    continue;
                }

                MissedWhy ??= $"{member.Entry.Name} is there and cannot be entered by its path, so nothing is known of it: {why.Message}";
            }
        }

        /// <summary>Visits as many as the CPU time of the round permits.</summary>
        /// <param name="order">Whom, the most urgent first.</param>
        /// <param name="isWalk">Whether everything is read, or only looked.</param>
        public void Make(IEnumerable<NamespaceMember> order, bool isWalk)
        {
            List<NamespaceMember> waiting = [.. order];
            if (waiting.Count == 0)
            {
                return;
            }

            int next = 0;
            TimeSpan before = spent;
            TimeSpan taken = owner.tour(sofar =>
            {
                context.Answered();
                bool goesOn = next < waiting.Count && (next == 0 || before + sofar <= CpuBudget);
                return goesOn ? VisitOf(waiting[next++], isWalk) : null;
            });
            spent += taken;
            context.Spend(taken);
        }

        private NamespaceVisit VisitOf(NamespaceMember member, bool isWalk) =>
            new(member.Entry.Path, member.Entry.Id, () => Read(member, owner.inside, isDenied: false, isWalk), e => Refused(member, e, isWalk)) { RawPath = member.Entry.RawPath };

        private void Refused(NamespaceMember member, KernelReadException e, bool isWalk)
        {
            if (e.Kind != FailureKind.Denied)
            {
                // Gone, as a rule.
                Vanished.Add((member, e));
                Note(member, member.Refuse(e, round));
                return;
            }

            Denial ??= e;
            if (member.Entry.ProcessId == 0)
            {
                member.IsDenied = true;
                member.Refuse(e, round);
                return;
            }

            using var outside = NamespaceCollectors.Outside(owner.kernel, member.Entry.ProcessId, TableLimit);
            Read(member, outside, isDenied: true, isWalk);
        }

        private void Read(NamespaceMember member, NamespaceCollectors collectors, bool isDenied, bool isWalk)
        {
            member.IsDenied = isDenied;
            CollectContext part = context.ForNamespace(member.Entry.Name);
            Note(member, isWalk ? member.Walk(collectors, part, round, bounds) : member.Look(collectors, part, round, bounds));
        }

        private void Note(NamespaceMember member, KernelReadException? failure)
        {
            if (failure is { Kind: not FailureKind.Absent })
            {
                Failure ??= $"{member.Entry.Name}: {failure.Message}";
            }
        }
    }
}
