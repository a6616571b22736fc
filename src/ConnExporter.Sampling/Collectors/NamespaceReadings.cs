using ConnExporter.Kernel;

namespace ConnExporter.Sampling.Collectors;

/// <summary>What is known of one network namespace; null where it was not read. Filled by one thread, then left alone.</summary>
internal sealed class NamespaceReadings
{
    public StatesReading? States { get; set; }

    public CountersReading? Counters { get; set; }

    public ListenersReading? Listeners { get; set; }

    public PortsReading? Ports { get; set; }

    public ConntrackReading? Conntrack { get; set; }

    public SockStatReading? Limits { get; set; }

    public CensusReading? Census { get; set; }

    public UdpReading? Udp { get; set; }

    public UnixReading? Unix { get; set; }

    /// <summary>The sysctls that it has of its own: what a command for it changes is compared with these.</summary>
    public SettingsReading? Settings { get; set; }

    /// <summary>Ports that the worst destination and the blocked ones take, see <see cref="CensusReading.Worst"/>.</summary>
    public ulong? Worst { get; set; }

    /// <summary>Monotonic time of all but the next.</summary>
    public long LookedAt { get; set; }

    /// <summary>Monotonic time of <see cref="States"/>, <see cref="Census"/> and <see cref="Udp"/>, which take a walk over the sockets.</summary>
    public long WalkedAt { get; set; }

    /// <summary>The first failure.</summary>
    public KernelReadException? Failure { get; private set; }

    /// <summary>Whether there is more than <see cref="Brief"/> keeps.</summary>
    public bool IsFull => (Listeners ?? Ports ?? Conntrack ?? Limits ?? Udp ?? Unix ?? (Reading?)Census) is not null;

    /// <summary>What the page shows of a namespace that is not shown in full.</summary>
    public NamespaceReadings Brief() => new() { States = States, Counters = Counters, Worst = Worst, LookedAt = LookedAt, WalkedAt = WalkedAt };

    /// <summary>A copy that others can be filled into.</summary>
    public NamespaceReadings Copy() => new()
    {
        States = States,
        Counters = Counters,
        Listeners = Listeners,
        Ports = Ports,
        Conntrack = Conntrack,
        Limits = Limits,
        Census = Census,
        Udp = Udp,
        Unix = Unix,
        Settings = Settings,
        Worst = Worst,
        LookedAt = LookedAt,
        WalkedAt = WalkedAt,
    };

    /// <summary>Takes note of a failure.</summary>
    public void Fail(KernelReadException e) => Failure ??= e;

    /// <summary>A reading, or null and its failure. One that is not whole is kept, and what it lacks is noted.</summary>
    public T? From<T>(CollectContext context, Func<T?> read)
        where T : Reading
    {
        try
        {
            T? reading = read();
            if (context.TakeMissing() is { } missing)
            {
                Fail(missing);
            }

            return reading;
        }
        catch (KernelReadException e)
        {
            context.TakeMissing();
            Fail(e);
            return null;
        }
    }
}
