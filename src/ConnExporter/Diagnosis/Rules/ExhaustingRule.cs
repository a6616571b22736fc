using System.Collections.Immutable;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>A resource of which too large a share is used, or which will be used up soon.</summary>
internal abstract class ExhaustingRule(string id, ResourceKind kind) : Rule(id, Severity.Warning, Severity.Critical)
{
    /// <summary>How much lower the thresholds are for what already holds.</summary>
    public const double Hysteresis = 0.05;

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
        return resource.Instances
            .Select(instance => (instance, severity: SeverityOf(instance, seen.Thresholds, held)))
            .Where(pair => pair.severity is not null)
            .OrderByDescending(pair => pair.severity).ThenByDescending(pair => pair.instance.UsedRatio)
            .Select(pair => Explain(seen, pair.severity!.Value, pair.instance))
            .FirstOrDefault();
    }

    /// <summary>Says why, who and what to do.</summary>
    protected abstract Verdict Explain(Observation seen, Severity severity, ResourceInstance instance);

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

    /// <summary>How much later it is used up with another limit; null where it does not grow.</summary>
    protected static TimeSpan? Buys(ResourceInstance instance, double limit) =>
        instance.GrowthPerSecond is { } growth && limit > instance.Limit ? TimeSpan.FromSeconds((limit - instance.Limit) / growth) : null;

    private static Severity? SeverityOf(ResourceInstance instance, Thresholds thresholds, Severity? held)
    {
        double ratio = instance.UsedRatio;
        double lowerCritical = held == Severity.Critical ? Hysteresis : 0;
        double lowerWarning = held is null ? 0 : Hysteresis;
        return ratio >= thresholds.CriticalRatio - lowerCritical || (instance.Exhaustion < thresholds.CriticalForecast && ratio >= ForecastCriticalFrom) ? Severity.Critical
            : ratio >= thresholds.WarningRatio - lowerWarning || (instance.Exhaustion < thresholds.WarningForecast && ratio >= ForecastWarningFrom) ? Severity.Warning
            : null;
    }
}
