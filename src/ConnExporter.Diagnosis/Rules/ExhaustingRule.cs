using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>A resource of which too large a share is used, or which will be used up soon.</summary>
internal abstract class ExhaustingRule(string id, ResourceKind kind) : Rule(id, Severity.Warning, Severity.Critical)
{
    // Below these shares growth alone is no reason for a warning: everything grows when it starts.
    private const double ForecastWarningFrom = 0.3;
    private const double ForecastCriticalFrom = 0.5;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        if (seen.Find(kind) is not { } resource)
        {
            return null;
        }

        // The fullest is not always the one that is first to go.
        (ResourceInstance Instance, Severity Severity)[] found =
        [
            .. resource.Instances
                .Select(instance => (instance, severity: SeverityOf(seen, instance, held)))
                .Where(pair => pair.severity is not null)
                .OrderByDescending(pair => pair.severity).ThenByDescending(pair => pair.instance.UsedRatio)
                .Select(pair => (pair.instance, pair.severity!.Value)),
        ];
        if (found.Length == 0)
        {
            return null;
        }

        Verdict verdict = Explain(seen, found[0].Severity, found[0].Instance);
        return found.Length == 1 ? verdict : verdict with { Evidence = verdict.Evidence.Add(Others(found.AsSpan(1), resource.Instances.Length >= ResourceTracker.Shown)) };
    }

    // One finding tells of one instance; that there are others is not to be found out when it is cured.
    private static Fact Others(ReadOnlySpan<(ResourceInstance Instance, Severity Severity)> others, bool mayBeMore)
    {
        const int Named = 3;
        var names = new List<string>(Named);
        foreach ((ResourceInstance instance, _) in others[..Math.Min(Named, others.Length)])
        {
            names.Add(instance.Name);
        }

        return new Fact(mayBeMore ? "others_exhausting_at_least" : "others_exhausting", ("count", (ulong)others.Length), ("names", string.Join(", ", names) + (others.Length > Named ? ", …" : "")));
    }

    /// <summary>Says why, who and what to do.</summary>
    protected abstract Verdict Explain(Observation seen, Severity severity, ResourceInstance instance);

    /// <summary>How bad one instance is: by its share, or by its forecast.</summary>
    protected virtual Severity? SeverityOf(Observation seen, ResourceInstance instance, Severity? held)
    {
        Severity? byShare = Shares.SeverityOf(instance.UsedRatio, seen.Thresholds, held);
        Severity? byForecast =
            instance.Exhaustion < seen.Thresholds.CriticalForecast && instance.UsedRatio >= ForecastCriticalFrom ? Severity.Critical
            : instance.Exhaustion < seen.Thresholds.WarningForecast && instance.UsedRatio >= ForecastWarningFrom ? Severity.Warning
            : null;
        return byForecast is { } soon && !(byShare >= soon) ? soon : byShare;
    }

    /// <summary>What kind of remedy more room is: grace where a change of code would come too late.</summary>
    public static RemedyKind KindOfRoom(Observation seen, Severity severity, ResourceInstance instance) =>
        severity == Severity.Critical || instance.Exhaustion < seen.Thresholds.WarningForecast ? RemedyKind.Grace : RemedyKind.Room;

    /// <summary>Remedies in the order in which they are of use; of one kind as they are.</summary>
    public static ImmutableArray<Remedy> InOrder(IEnumerable<Remedy> remedies) => [.. remedies.OrderBy(remedy => remedy.Kind)];

    /// <summary>The share and, where it grows, the forecast.</summary>
    /// <param name="key">The text of the first fact, with {used}, {limit} and {share}.</param>
    /// <param name="instance">The instance.</param>
    /// <param name="amount">Turns the unit of the resource into what the text shows.</param>
    protected static ImmutableArray<Fact> UsedAndForecast(string key, ResourceInstance instance, Func<double, object>? amount = null)
    {
        amount ??= count => (ulong)count;
        var used = new Fact(key, ("instance", instance.Name), ("used", amount(instance.Used)), ("limit", amount(instance.Limit)), ("share", new Share(instance.UsedRatio)));
        return instance is { Exhaustion: { } left, GrowthPerSecond: { } growth }
            ? [used, new Fact("forecast", ("left", left), ("growth", amount(Math.Max(1, growth * 60))))]
            : [used];
    }
}

/// <summary>When a used share is too large.</summary>
internal static class Shares
{
    /// <summary>How much lower the thresholds are for what already holds.</summary>
    public const double Hysteresis = 0.05;

    /// <summary>The severity of a share; null below the warning.</summary>
    public static Severity? SeverityOf(double share, Thresholds thresholds, Severity? held) =>
        share >= thresholds.CriticalRatio - (held == Severity.Critical ? Hysteresis : 0) ? Severity.Critical
        : Exceeds(share, thresholds.WarningRatio, held) ? Severity.Warning
        : null;

    /// <summary>Whether a share is above a threshold, which is lower for what already holds.</summary>
    public static bool Exceeds(double share, double threshold, Severity? held) => share >= threshold - (held is null ? 0 : Hysteresis);
}
