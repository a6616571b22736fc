namespace ConnExporter.Diagnosis;

/// <summary>One finding in one network namespace over time: begins when a verdict has lasted, ends when it has been gone for a while.</summary>
internal sealed class FindingTracker(Rule rule, string netns)
{
    private readonly TimeSpan?[] reachedAt = new TimeSpan?[3];
    private readonly ulong[] begun = new ulong[3];
    private readonly bool[] judged = new bool[3];
    private TimeSpan? firstLook;
    private HeldBefore? before;
    private TimeSpan lastAgreed;
    private TimeSpan lastAsBad;
    private Verdict? verdict;
    private Verdict? newest;
    private TimeSpan lastNow;
    private DateTimeOffset lastAt;
    private DateTimeOffset since;

    public Rule Rule { get; } = rule;

    public string Netns { get; } = netns;

    /// <summary>The severity now; null where it does not hold.</summary>
    public Severity? Held { get; private set; }

    /// <summary>When it last held; null where it never did.</summary>
    public TimeSpan? LastHeld { get; private set; }

    /// <summary>The finding; null where it does not hold.</summary>
    public Finding? Current => Held is not { } severity ? null
        : newest is not null ? new Finding(Rule, Netns, severity, verdict!, since)

        // What would mend it is no advice where it is mended: run once more it may do harm.
        : new Finding(Rule, Netns, severity, verdict! with { Remedies = [] }, since) { LastSeen = lastAt - (lastNow - lastAgreed) };

    /// <summary>Whether it is worse than a note, be it held or beginning.</summary>
    public bool IsSerious => Held > Severity.Info || reachedAt[(int)Severity.Warning] is not null;

    /// <summary>What holds by the newest verdict and has not lasted long enough to be a finding; null where there is none, or where one as bad holds.</summary>
    public Finding? Beginning => newest is { Severity: > Severity.Info and var severity } && !(Held >= severity) && reachedAt[(int)severity] is { } reached
        ? new Finding(Rule, Netns, severity, newest, lastAt - (lastNow - reached))
        : null;

    /// <summary>What held before the daemon was started and has neither been seen again nor been gone for long enough; null where there is none.</summary>
    public HeldBefore? Awaited => before;

    /// <summary>The severity that the next verdict is an answer to: what ends later than it begins does so across a restart, too.</summary>
    public Severity? Basis => Held ?? before?.Severity;

    /// <summary>Whether it is known that it holds, or does not, at a severity: a daemon that has just started has not looked for long enough to say no.</summary>
    public bool IsJudged(Severity severity) => Held == severity || judged[(int)severity];

    /// <summary>Takes over what held before the daemon was started: seen again it has gone on, and need not last anew.</summary>
    public void Resume(HeldBefore finding)
    {
        if (Held is null && Rule.Severities.Contains(finding.Severity))
        {
            before = finding;
        }
    }

    /// <summary>How often it began at a severity, by itself or by getting worse.</summary>
    public ulong Begun(Severity severity) => begun[(int)severity];

    /// <summary>Takes the newest verdict.</summary>
    /// <param name="now">Monotonic time.</param>
    /// <param name="at">The time of day.</param>
    /// <param name="newest">The verdict; null where the rule has nothing to say.</param>
    /// <param name="thresholds">How long is long enough.</param>
    public void Take(TimeSpan now, DateTimeOffset at, Verdict? newest, Thresholds thresholds)
    {
        firstLook ??= now;
        (this.newest, lastNow, lastAt) = (newest, now, at);
        TimeSpan mustLast = Rule.MustLast && newest?.IsUsedUp != true ? thresholds.For : TimeSpan.Zero;
        Severity? reached = null;
        for (int severity = 0; severity < reachedAt.Length; severity++)
        {
            reachedAt[severity] = (int?)newest?.Severity >= severity ? reachedAt[severity] ?? now : null;
            reached = now - reachedAt[severity] >= mustLast ? (Severity)severity : reached;
        }

        // The lasting one may be of a lesser severity than the newest verdict, and not one that this rule has.
        reached = reached is { } lasting && !Rule.Severities.Contains(lasting) ? Rule.Severities.Where(severity => severity <= lasting).Cast<Severity?>().Max() : reached;
        lastAgreed = newest is null ? lastAgreed : now;
        GoOn(now, newest, thresholds);
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
        foreach (Severity severity in Rule.Severities)
        {
            // Once it has been looked at for as long as a finding takes, and no sign of it is waiting to have lasted.
            judged[(int)severity] |= before is null && now - firstLook >= thresholds.For && (reachedAt[(int)severity] is null || Held >= severity);
        }
    }

    private void GoOn(TimeSpan now, Verdict? newest, Thresholds thresholds)
    {
        if (before is { } held && newest is not null)
        {
            (Held, since, lastAsBad, before) = (held.Severity, held.Since, now, null);
        }
        else if (before is not null && now - firstLook >= Patience(thresholds))
        {
            before = null;
        }
    }

    // What counts drops has to see some: as long as the window in which they would still have counted.
    private static TimeSpan Patience(Thresholds thresholds) => (thresholds.For > thresholds.DropWindow ? thresholds.For : thresholds.DropWindow) + thresholds.Linger;
}
