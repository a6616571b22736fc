using ConnExporter.Kernel.Cgroups;

namespace ConnExporter.Sampling.Holders;

/// <summary>Whose descriptors a round reads, in which order, and how many of each: where the sockets without an owner are, and nobody waits for the big ones.</summary>
/// <param name="cgroups">The cgroups of the host; null to do without them.</param>
/// <param name="processes">The processes of the host.</param>
/// <param name="reader">What reads them.</param>
/// <param name="shared">The sockets of which every holder is wanted.</param>
internal sealed class ReadingPlan(CgroupTree? cgroups, KnownProcesses processes, DescriptorReader reader, SharedSockets shared)
{
    // Whoever looks once waits for it: half a second. Who serves a listener has seldom more descriptors than most others together.
    private const int SharerBudget = 100_000;

    private const int SmallestChunk = 16;
    private const int LargestSample = 64;
    private const int SmallestSample = 2;
    private const int RereadRounds = 20;
    private const int SampleRounds = 8;

    private readonly List<KnownProcess> candidates = [];
    private readonly List<KnownProcess> tier = [];
    private readonly Dictionary<ulong, Wanted.Group> wantedUsers = [];
    private readonly int[] pids = new int[4096];
    private long budgetEnd;

    private long Left => Math.Max(0, budgetEnd - reader.LinksRead);

    /// <summary>Reads descriptors where the sockets without an owner are, and of those who have not been read for long.</summary>
    /// <param name="round">The round.</param>
    /// <param name="budget">The most links to read.</param>
    public void Read(ReadingRound round, long budget)
    {
        budgetEnd = reader.LinksRead + budget;
        if (round.Wanted.Sockets > 0)
        {
            cgroups?.BeginRound();
            Rank(round);
            Work(round);
        }

        if (shared.Any)
        {
            FindSharers(round);
        }

        Refresh(round, budget / 8);
    }

    private static bool IsCandidate(KnownProcess process, uint round)
    {
        if (process.Count == 0 || (process.IsDenied && process.NotBefore > round))
        {
            return false;
        }

        bool changed = process.Count != process.ReadCount;
        return process.InPass || process.ReadRound == 0 || (process.Rank == 3 && changed) || ((process.Rank > 0 || changed) && process.NotBefore <= round);
    }

    private void Rank(ReadingRound round)
    {
        wantedUsers.Clear();
        foreach (Wanted.Group group in round.Wanted.Groups)
        {
            if (!group.IsCgroup)
            {
                wantedUsers[group.Key] = group;
            }
            else if (cgroups?.Find(group.Key) is { } cgroup)
            {
                foreach (int pid in pids.AsSpan(0, cgroups.ReadProcesses(cgroup, pids)))
                {
                    processes.Find(pid)?.Want(group);
                }
            }
        }

        candidates.Clear();
        foreach (KnownProcess process in processes.All)
        {
            if (wantedUsers.TryGetValue(process.User, out Wanted.Group group))
            {
                process.Want(group);
            }

            if (IsCandidate(process, round.Number))
            {
                process.ForgetHits();
                candidates.Add(process);
            }
        }
    }

    private void Work(ReadingRound round)
    {
        ReadTier(round, static process => process.Rank == 3);

        // A process may have left the cgroup, or the user, that it made its sockets as.
        if (round.Wanted.CloseWait > round.FoundCloseWait)
        {
            Take(round, static process => process.Rank < 3);
            ReadTheSmall(round);
            Take(round, static process => process.Rank < 3);
            Sample(round, Left / 2);
            ReadTier(round, static process => process.Rank < 3 && process.Hits > 0);
        }

        for (int rank = 2; rank >= 0 && !round.IsAllFound; rank--)
        {
            int wantedRank = rank;
            ReadTier(round, process => process.Rank == wantedRank);
        }
    }

    // Whoever was not read since the youngest was asked for may hold one of them.
    private void FindSharers(ReadingRound round)
    {
        tier.Clear();
        foreach (KnownProcess process in processes.All)
        {
            bool isUnread = process.ReadRound == 0 || process.ReadBegun < shared.Since || (process.Count != process.ReadCount && process.NotBefore <= round.Number);
            if (isUnread && !process.Done(round.Number) && process.Count > 0 && !(process.IsDenied && process.NotBefore > round.Number))
            {
                tier.Add(process);
            }
        }

        SortSmallestFirst();
        budgetEnd = Math.Min(budgetEnd, reader.LinksRead + SharerBudget);
        ReadAll(round, refresh: true);
    }

    // Descriptors are handed on to other processes without a trace: what is known gets old.
    private void Refresh(ReadingRound round, long share)
    {
        long end = Math.Min(budgetEnd, reader.LinksRead + share);
        if (end <= reader.LinksRead)
        {
            return;
        }

        tier.Clear();
        foreach (KnownProcess process in processes.All)
        {
            if (process.Slot >= 0 && (process.InPass || round.Number - process.ReadRound >= RereadRounds))
            {
                tier.Add(process);
            }
        }

        tier.Sort(static (a, b) => a.ReadRound.CompareTo(b.ReadRound));
        (long whole, budgetEnd) = (budgetEnd, end);
        ReadAll(round, refresh: true);
        budgetEnd = whole;
    }

    private void Take(ReadingRound round, Func<KnownProcess, bool> which)
    {
        tier.Clear();
        foreach (KnownProcess process in candidates)
        {
            if (!process.Done(round.Number) && which(process))
            {
                tier.Add(process);
            }
        }
    }

    private ulong CountTier()
    {
        ulong total = 0;
        foreach (KnownProcess process in tier)
        {
            total += process.Count;
        }

        return total;
    }

    private void ReadTier(ReadingRound round, Func<KnownProcess, bool> which)
    {
        Take(round, which);
        if (CountTier() > (ulong)Left)
        {
            ReadTheSmall(round);
            Take(round, which);
            Sample(round, Left / 2);
            Take(round, which);
        }
        else if (round.ReadsAll)
        {
            SortSmallestFirst();
            ReadAll(round);
            return;
        }

        tier.Sort(static (a, b) =>
        {
            int order = b.ExpectedHits.CompareTo(a.ExpectedHits);
            order = order != 0 ? order : b.Weight.CompareTo(a.Weight);
            order = order != 0 ? order : b.ExpectedSockets.CompareTo(a.ExpectedSockets);
            return order != 0 ? order : b.Count.CompareTo(a.Count);
        });
        ReadAll(round);
    }

    // Whoever has few descriptors is soon read and never waits for those that have many.
    private void ReadTheSmall(ReadingRound round)
    {
        SortSmallestFirst();
        long whole = budgetEnd;
        budgetEnd = reader.LinksRead + (Left / 2);
        foreach (KnownProcess process in tier)
        {
            while (Left > 0 && !round.IsAllFound && !process.Done(round.Number) && reader.Read(process, (int)Math.Min(DescriptorReader.LargestChunk, Left), round))
            {
            }
        }

        budgetEnd = whole;
    }

    // Those never read before others, those of our own network namespace before others, then the smallest; of those that were read the one that was longest ago.
    private void SortSmallestFirst()
    {
        foreach (KnownProcess process in tier)
        {
            processes.IsElsewhere(process);
        }

        tier.Sort(static (a, b) =>
        {
            int order = (a.ReadRound > 0).CompareTo(b.ReadRound > 0);
            order = order != 0 ? order : (a.IsElsewhere == true).CompareTo(b.IsElsewhere == true);
            order = order != 0 ? order : a.ReadRound.CompareTo(b.ReadRound);
            return order != 0 ? order : a.Count.CompareTo(b.Count);
        });
    }

    // A process with a million descriptors does not keep the others waiting: each gets a quarter of the budget in turn.
    private void ReadAll(ReadingRound round, bool refresh = false)
    {
        int chunk = (int)Math.Clamp(Left / 4, SmallestChunk, DescriptorReader.LargestChunk);
        bool unfinished = true;
        while (unfinished && Left > 0)
        {
            unfinished = false;
            foreach (KnownProcess process in tier)
            {
                if (Left == 0 || (!refresh && round.IsAllFound))
                {
                    return;
                }

                if (!process.Done(round.Number))
                {
                    unfinished |= reader.Read(process, (int)Math.Min(chunk, Left), round);
                }
            }
        }
    }

    // Looks at a few descriptors of each process of the tier, in proportion to how many it has, in those never looked at first.
    private void Sample(ReadingRound round, long share)
    {
        if (tier.Count == 0 || share <= 0)
        {
            return;
        }

        long end = reader.LinksRead + share;
        double total = CountTier();
        tier.Sort(static (a, b) => a.SampleRound != b.SampleRound ? a.SampleRound.CompareTo(b.SampleRound) : b.Count.CompareTo(a.Count));
        foreach (KnownProcess process in tier)
        {
            int size = (int)Math.Clamp(share * (process.Count / total), SmallestSample, LargestSample);
            if (reader.LinksRead + size > end)
            {
                return;
            }

            bool hopeless = process.SampleRound != 0 && process.SampleCount == process.Count && process.ExpectedSockets == 0 && round.Number - process.SampleRound < SampleRounds;
            if (process.SampleRound == round.Number || process.Done(round.Number) || hopeless)
            {
                continue;
            }

            if (process.Count <= (ulong)size && !process.InPass)
            {
                reader.Read(process, size, round);
                continue;
            }

            reader.Sample(process, size, round);
        }
    }
}
