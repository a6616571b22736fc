using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Tests.Resources;

/// <summary>Forecasts as the daemon makes them with its default intervals: a census each 15 s, a look each second.</summary>
public class ForecastTests
{
    private const double Limit = 28_232;
    private static readonly TimeSpan Fill = TimeSpan.FromMinutes(5);

    public static TheoryData<int, double, double> Fills()
    {
        var data = new TheoryData<int, double, double>();
        foreach (int quietSeconds in (int[])[0, 45, 130, 300, 900])
        {
            foreach (double before in (double[])[0, 0.1, 0.3])
            {
                data.Add(quietSeconds, before, 0);
                data.Add(quietSeconds, before, 0.003);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Fills))]
    public void Ports_that_fill_steadily_over_five_minutes_are_forecast_within_30_percent_from_half_way_on(int quietSeconds, double before, double noise)
    {
        var quiet = TimeSpan.FromSeconds(quietSeconds);
        double rate = Limit * (1 - before) / Fill.TotalSeconds;
        double Ports(TimeSpan at) => (Limit * before) + (rate * Math.Max(0, (at - quiet).TotalSeconds));
        int looks = 0;
        for (int seed = 0; seed < 5; seed++)
        {
            foreach ((TimeSpan at, ResourceInstance instance) in Follow(Ports, quiet + Fill, noise * Limit, seed))
            {
                TimeSpan left = quiet + Fill - at;
                if (left > Fill / 2 || left < TimeSpan.FromSeconds(20))
                {
                    continue;
                }

                looks++;
                instance.Exhaustion.ShouldNotBeNull($"{at} seed {seed}");
                instance.Exhaustion.Value.TotalSeconds.ShouldBe(left.TotalSeconds, 0.3 * left.TotalSeconds, $"{at} seed {seed}");
            }
        }

        looks.ShouldBeGreaterThan(5 * 100);
    }

    [Fact]
    public void A_slow_leak_is_seen_too()
    {
        int looks = 0;
        foreach ((TimeSpan at, ResourceInstance instance) in Follow(at => 10_000 + (1.5 * at.TotalSeconds), TimeSpan.FromMinutes(40), noise: 3, seed: 1).Where(look => look.At > TimeSpan.FromMinutes(10)))
        {
            double left = (Limit - 10_000 - (1.5 * at.TotalSeconds)) / 1.5;
            (instance.Exhaustion ?? TimeSpan.Zero).TotalSeconds.ShouldBe(left, 0.3 * left, at.ToString());
            looks++;
        }

        looks.ShouldBeGreaterThan(1700);
    }

    // TIME_WAIT of a steady load rises for a minute and stays.
    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(50)]
    [InlineData(150)]
    public void A_plateau_gives_no_forecast(double noise)
    {
        int looks = 0;
        int forecasts = 0;
        for (int seed = 0; seed < 10; seed++)
        {
            foreach ((_, ResourceInstance instance) in Follow(at => Limit * 0.55 * Math.Min(1, at.TotalMinutes), TimeSpan.FromMinutes(30), noise, seed).Where(look => look.At > TimeSpan.FromMinutes(3)))
            {
                looks++;
                forecasts += instance.Exhaustion is null ? 0 : 1;
            }
        }

        // Noise that rises seven times in a row is a trend to everybody.
        ((double)forecasts / looks).ShouldBeLessThanOrEqualTo(noise == 0 ? 0 : 0.002);
    }

    [Fact]
    public void A_burst_is_no_trend() =>
        Follow(at => at > TimeSpan.FromMinutes(5) ? 13_000 : 5_000, TimeSpan.FromMinutes(20), noise: 20, seed: 3).ShouldAllBe(look => look.Instance.Exhaustion == null);

    [Fact]
    public void A_fill_that_ended_is_not_carried_on() =>
        Follow(at => Math.Min(at.TotalMinutes, 4) * 4_000, TimeSpan.FromMinutes(15), noise: 10, seed: 4)
            .Where(look => look.At > TimeSpan.FromMinutes(6)).ShouldAllBe(look => look.Instance.Exhaustion == null);

    [Fact]
    public void What_falls_or_stands_still_has_no_forecast()
    {
        Follow(_ => 20_000, TimeSpan.FromMinutes(15), noise: 0, seed: 5).ShouldAllBe(look => look.Instance.Exhaustion == null);
        Follow(at => 25_000 - (10 * at.TotalSeconds), TimeSpan.FromMinutes(15), noise: 5, seed: 6).ShouldAllBe(look => look.Instance.Exhaustion == null);
    }

    // A census each 15 s that takes up to a second, noise that is the same for a walk, and a look each second in between.
    private static IEnumerable<(TimeSpan At, ResourceInstance Instance)> Follow(Func<TimeSpan, double> ports, TimeSpan length, double noise, int seed)
    {
        var random = new Random(seed);
        var tracker = new ResourceTracker();
        double value = 0;
        long walk = 0;
        var next = TimeSpan.FromSeconds(random.NextDouble() * 15);
        for (TimeSpan at = TimeSpan.Zero; at < length; at += TimeSpan.FromSeconds(1))
        {
            if (at >= next)
            {
                walk++;
                value = Math.Round(Math.Clamp(ports(at) + (noise * ((random.NextDouble() * 2) - 1) * Math.Sqrt(3)), 0, Limit));
                next = at + TimeSpan.FromSeconds(14.5 + random.NextDouble());
            }

            if (walk == 0)
            {
                continue;
            }

            var instance = new ResourceInstance(ResourceKind.EphemeralPorts, KernelSource.OwnNamespace, "10.0.0.9:443 from 10.0.0.1", value, Limit) { Timestamp = walk };
            ImmutableArray<Resource> resources = tracker.Follow(at, isOwn: true, [instance]);
            yield return (at, resources.Single().Worst);
        }
    }
}
