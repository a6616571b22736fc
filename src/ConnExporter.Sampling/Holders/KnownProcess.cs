namespace ConnExporter.Sampling.Holders;

/// <summary>What is remembered of one process from round to round: how far its descriptors were read, and what came of it.</summary>
/// <param name="pid">Its process id.</param>
internal sealed class KnownProcess(int pid)
{
    // Rounds at most until a process in which nothing was found is read again, as a power of 2.
    private const int LongestWait = 5;

    // Rounds until one that was denied is tried again.
    private const int DeniedRounds = 20;

    // By reference to where the reading goes on.
    public long Position;

    private ulong passCount;
    private uint passRound;
    private uint doneRound;
    private int foundInPass;
    private int fruitless;

    public int Pid { get; } = pid;

    /// <summary>What tells it from another process of the same id, as long as the kernel keeps its directory.</summary>
    public ulong Identity { get; private set; }

    public uint User { get; private set; }

    /// <summary>Its descriptors.</summary>
    public ulong Count { get; private set; }

    /// <summary>The round in which it was seen last.</summary>
    public uint Round { get; private set; }

    /// <summary>As of the most wanted sockets that it may hold, see <see cref="Wanted.Group.Rank"/>; 0 where it may hold none.</summary>
    public int Rank { get; private set; }

    /// <summary>How many of them there are.</summary>
    public uint Weight { get; private set; }

    /// <summary>Its place among the owners; -1 where it has none.</summary>
    public int Slot { get; set; } = -1;

    /// <summary>Whether its descriptors were read in part.</summary>
    public bool InPass { get; private set; }

    /// <summary>Whether its name and unit were read in this pass, which is when it has a socket.</summary>
    public bool IsDescribed { get; set; }

    /// <summary>Whether it is in another network namespace than we are; null where nobody has looked.</summary>
    public bool? IsElsewhere { get; set; }

    /// <summary>The round in which the last complete pass began.</summary>
    public uint ReadBegun { get; private set; }

    /// <summary>Its descriptors when the last complete pass began.</summary>
    public ulong ReadCount { get; private set; }

    /// <summary>The round of the last complete pass; 0 before it.</summary>
    public uint ReadRound { get; private set; }

    /// <summary>The round from which on it is worth another try.</summary>
    public uint NotBefore { get; private set; }

    /// <summary>Whether its descriptors may not be read.</summary>
    public bool IsDenied { get; private set; }

    /// <summary>The round of the last sample of its descriptors; 0 before it.</summary>
    public uint SampleRound { get; private set; }

    /// <summary>Its descriptors at that time.</summary>
    public ulong SampleCount { get; private set; }

    /// <summary>Wanted sockets in CLOSE_WAIT in the sample of this round.</summary>
    public int Hits { get; private set; }

    /// <summary>Sockets that it has, going by the last sample that told.</summary>
    public double ExpectedSockets { get; private set; }

    /// <summary>Wanted ones in CLOSE_WAIT, going by the same.</summary>
    public double ExpectedHits { get; private set; }

    /// <summary>Whether it has had its turn in a round.</summary>
    public bool Done(uint round) => doneRound == round;

    /// <summary>Takes note of it as a round finds it; what is wanted of it is not known yet.</summary>
    /// <param name="round">The round.</param>
    /// <param name="identity">What tells it from others.</param>
    /// <param name="user">Its user.</param>
    /// <param name="count">Its descriptors; null where they were not counted.</param>
    public void See(uint round, ulong identity, uint user, ulong? count)
    {
        Identity = identity;
        User = user;
        Count = count ?? Count;
        Round = round;
        Rank = 0;
        Weight = 0;
    }

    /// <summary>Takes note that it may hold sockets that are wanted.</summary>
    public void Want(Wanted.Group group)
    {
        if (group.Rank > Rank)
        {
            Rank = group.Rank;
            Weight = 0;
        }

        if (group.Rank == Rank)
        {
            Weight = Math.Max(Weight, Rank == 3 ? group.CloseWait : Rank == 2 ? group.Listeners : group.Sockets);
        }
    }

    /// <summary>Begins a pass over its descriptors.</summary>
    public void Begin(uint round)
    {
        passRound = round;
        InPass = true;
        Position = 0;
        passCount = Count;
        foundInPass = 0;
        IsDescribed = false;
    }

    /// <summary>Counts a wanted socket that the pass has found.</summary>
    public void CountFound() => foundInPass++;

    /// <summary>Ends a pass over all of its descriptors.</summary>
    public void Complete(uint round)
    {
        InPass = false;
        IsDenied = false;
        IsElsewhere = null;
        ReadCount = passCount;
        ReadBegun = passRound;
        ReadRound = doneRound = round;
        fruitless = foundInPass > 0 ? 0 : Math.Min(fruitless + 1, LongestWait);
        NotBefore = round + (1u << fruitless);
    }

    /// <summary>Nothing more of it this round.</summary>
    public void GiveUp(uint round)
    {
        InPass = false;
        doneRound = round;
    }

    /// <summary>Takes note that it may not be read: nothing more of it for some rounds.</summary>
    public void Deny(uint round)
    {
        GiveUp(round);
        IsDenied = true;
        NotBefore = round + DeniedRounds;
    }

    /// <summary>Forgets the hits of the last sample, before a round chooses whom to read.</summary>
    public void ForgetHits() => Hits = 0;

    /// <summary>Takes note that some of its descriptors were looked at, whatever they told.</summary>
    public void BeginSample(uint round)
    {
        SampleRound = round;
        SampleCount = Count;
        Hits = 0;
    }

    /// <summary>Takes what a sample told.</summary>
    /// <param name="looked">Descriptors looked at, more than none.</param>
    /// <param name="held">Sockets among them.</param>
    /// <param name="hits">Wanted ones in CLOSE_WAIT among these.</param>
    public void EndSample(int looked, int held, int hits)
    {
        Hits = hits;
        ExpectedSockets = held * (double)Count / looked;
        ExpectedHits = hits * (double)Count / looked;
    }
}
