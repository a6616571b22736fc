namespace ConnExporter.Diagnosis;

/// <summary>One finding in one network namespace over time: begins when a verdict has lasted, ends when it has been gone for a while.</summary>
internal sealed class FindingTracker(Rule rule, string netns)
{
    private readonly TimeSpan?[] reachedAt = new TimeSpan?[3];
    private readonly ulong[] begun = new ulong[3];
    private TimeSpan lastAgreed;
    private TimeSpan lastAsBad;
    private Verdict? verdict;
    private DateTimeOffset since;

    public Rule Rule { get; } = rule;

    public string Netns { get; } = netns;

    /// <summary>The severity now; null where it does not hold.</summary>
    public Severity? Held { get; private set; }

    /// <summary>When it last held; null where it never did.</summary>
    public TimeSpan? LastHeld { get; private set; }

    /// <summary>The finding; null where it does not hold.</summary>
    public Finding? Current => Held is { } severity ? new Finding(Rule, Netns, severity, verdict!, since) : null;

    /// <summary>Whether it is worse than a note, be it held or beginning.</summary>
    public bool IsSerious => Held > Severity.Info || reachedAt[(int)Severity.Warning] is not null;

    /// <summary>How often it began at a severity, by itself or by getting worse.</summary>
    public ulong Begun(Severity severity) => begun[(int)severity];

    /// <summary>Takes the newest verdict.</summary>
    /// <param name="now">Monotonic time.</param>
    /// <param name="at">The time of day.</param>
    /// <param name="newest">The verdict; null where the rule has nothing to say.</param>
    /// <param name="thresholds">How long is long enough.</param>
    public void Take(TimeSpan now, DateTimeOffset at, Verdict? newest, Thresholds thresholds)
    {
        TimeSpan mustLast = Rule.MustLast ? thresholds.For : TimeSpan.Zero;
        Severity? reached = null;
        for (int severity = 0; severity < reachedAt.Length; severity++)
        {
            reachedAt[severity] = (int?)newest?.Severity >= severity ? reachedAt[severity] ?? now : null;
            reached = now - reachedAt[severity] >= mustLast ? (Severity)severity : reached;
        }

        // The lasting one may be of a lesser severity than the newest verdict, and not one that this rule has.
        reached = reached is { } lasting && !Rule.Severities.Contains(lasting) ? Rule.Severities.Where(severity => severity <= lasting).Cast<Severity?>().Max() : reached;
        lastAgreed = newest is null ? lastAgreed : now;
        lastAsBad = newest?.Severity >= Held ? now : lastAsBad;
        if (reached > Held || (Held is null && reached is not null))
        {
            // Since the first sign of it, not since it was believed.
            since = Held is null ? at - (now - reachedAt.OfType<TimeSpan>().Min()) : since;
            Held = reached;
            lastAsBad = now;
            begun[(int)reached!.Value]++;
        }
        else if (Held is not null && newest is null && now - lastAgreed >= thresholds.Linger)
        {
            Held = null;
        }
        else if (newest?.Severity < Held && now - lastAsBad >= thresholds.Linger)
        {
            Held = newest.Severity;
        }

        verdict = newest ?? verdict;
        LastHeld = Held is null ? LastHeld : now;
    }
}
