namespace ConnExporter.Sampling.Holders;

/// <summary>One round of reading descriptors: what is looked for, and what came of it.</summary>
/// <param name="number">Which round it is, from 1.</param>
/// <param name="wanted">What the walk before it saw without owner.</param>
/// <param name="readsAll">Whether it reads on until each socket has its owner or every process was read.</param>
/// <param name="answered">Called now and then, as a sign that the kernel answers; null where nobody waits for one.</param>
internal sealed class ReadingRound(uint number, Wanted wanted, bool readsAll, Action? answered)
{
    /// <summary>Which round it is.</summary>
    public uint Number { get; } = number;

    /// <summary>What is looked for.</summary>
    public Wanted Wanted { get; } = wanted;

    /// <summary>Whether it reads on until all is found: nobody looks for the rest afterwards.</summary>
    public bool ReadsAll { get; } = readsAll;

    /// <summary>Wanted sockets that have an owner now.</summary>
    public int Found { get; private set; }

    /// <summary>Those of them in CLOSE_WAIT.</summary>
    public ulong FoundCloseWait { get; private set; }

    /// <summary>Processes that were read to their end.</summary>
    public int Completed { get; private set; }

    /// <summary>Inodes for which there was no room, and tables of io_uring that were not shown or too many.</summary>
    public ulong LeftOut { get; private set; }

    /// <summary>Whether there is nothing more to look for. A guess is not enough where nothing is looked for afterwards.</summary>
    public bool IsAllFound => (ulong)Found >= Wanted.Sockets && (Wanted.IsExact || !ReadsAll);

    /// <summary>Takes note that the kernel answers.</summary>
    public void Answered() => answered?.Invoke();

    /// <summary>Counts a wanted socket that has an owner now.</summary>
    /// <param name="isCloseWait">Whether it is one in CLOSE_WAIT.</param>
    public void CountFound(bool isCloseWait)
    {
        Found++;
        FoundCloseWait += isCloseWait ? 1u : 0u;
    }

    /// <summary>Counts a process that was read to its end.</summary>
    public void CountCompleted() => Completed++;

    /// <summary>Counts what had to be left out.</summary>
    public void CountLeftOut(int count) => LeftOut += (ulong)count;
}
