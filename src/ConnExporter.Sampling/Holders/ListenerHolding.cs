namespace ConnExporter.Sampling.Holders;

/// <summary>Who holds a listener: a listener that was handed on (by a supervisor, to workers, at a restart) has several holders, of which one serves it.</summary>
/// <param name="Server">The process that serves it, as far as that can be told.</param>
/// <param name="Evidence">How that can be told.</param>
internal sealed record ListenerHolding(Owner Server, ServerEvidence Evidence)
{
    private const int InitProcess = 1;

    /// <summary>The other holder that started first: it is likely to have made the listener. Null where nobody else is known to hold it.</summary>
    public Owner? Maker { get; private init; }

    /// <summary>How many processes are known to hold it.</summary>
    public int Holders { get; private init; }

    /// <summary>Judges by who holds the listener, and who holds connections that came in through it.</summary>
    /// <param name="holders">The holders that are known.</param>
    /// <param name="connected">Processes with such connections; not only holders of the listener are among them.</param>
    /// <returns>Null where no holder is known.</returns>
    public static ListenerHolding? Of(IReadOnlyCollection<Owner> holders, IReadOnlyCollection<Owner> connected)
    {
        if (holders.Count == 0)
        {
            return null;
        }

        if (holders.Count == 1)
        {
            return new(holders.First(), ServerEvidence.OnlyHolder) { Holders = 1 };
        }

        // Who was started last was handed it by those before: a worker by its master, a service by systemd, the next version by the one that it replaces.
        // A holder of connections is no guess: whoever inherited the listener and never asks for any has none.
        Owner? seen = holders.Where(connected.Contains).OrderByDescending(Age).FirstOrDefault();
        Owner server = seen ?? holders.Where(owner => !IsManager(owner)).DefaultIfEmpty(holders.First()).OrderByDescending(Age).First();
        return new(server, seen is null ? ServerEvidence.StartedLast : ServerEvidence.HoldsConnections)
        {
            Maker = holders.Where(owner => owner != server).OrderBy(Age).First(),
            Holders = holders.Count,
        };
    }

    private static (ulong Start, int Pid) Age(Owner owner) => (owner.StartTicks, owner.Pid);

    // systemd, of the host or of a user, keeps the listeners of its socket units.
    private static bool IsManager(Owner owner) => owner.Pid == InitProcess || owner is { Name: "systemd" };
}

/// <summary>How it is known who serves a listener.</summary>
internal enum ServerEvidence
{
    /// <summary>Nobody else is known to hold it.</summary>
    OnlyHolder,

    /// <summary>It holds the listener and connections that came in through it.</summary>
    HoldsConnections,

    /// <summary>A guess: of the holders it was started last.</summary>
    StartedLast,
}
