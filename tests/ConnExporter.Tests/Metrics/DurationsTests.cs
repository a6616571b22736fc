using System.Text;
using ConnExporter.Metrics;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Metrics;

public class DurationsTests
{
    private readonly MetricRegistry registry = new();
    private readonly Durations durations;

    public DurationsTests() => durations = new Durations(registry);

    [Fact]
    public void Nothing_is_shown_of_what_has_not_happened_yet()
    {
        durations.Samples("demo");

        Page().Series.ShouldBeEmpty();
    }

    [Fact]
    public void A_sample_is_in_every_bucket_that_is_wide_enough()
    {
        durations.Samples("demo").Observe(0.02);
        durations.Samples("demo").Observe(1.5);

        MetricsText page = Page();
        page.Of("conn_collector_sample_duration_seconds_bucket").ShouldBe(["demo 0.001 0", "demo 0.03 1", "demo 0.5 1", "demo +Inf 2"]);
        page["conn_collector_sample_duration_seconds_count", "demo"].ShouldBe("2");
        page["conn_collector_sample_duration_seconds_sum", "demo"].ShouldBe("1.52");
    }

    [Fact]
    public void A_collector_that_is_no_more_leaves_nothing_and_whatever_it_still_says_is_lost()
    {
        Prometheus.IObserver samples = durations.Samples("demo");
        samples.Observe(1);
        durations.Samples("other").Observe(1);

        durations.Forget("demo");
        samples.Observe(1);

        Page().Of("conn_collector_sample_duration_seconds_count").ShouldBe(["other 1"]);
        durations.Samples("demo").Observe(1);
        Page()["conn_collector_sample_duration_seconds_count", "demo"].ShouldBe("1");
    }

    [Fact]
    public void The_page_of_a_quiet_host_grows_by_six_series_a_collector_and_twelve_at_most()
    {
        CollectorEntry[] collectors = [.. CollectorList.All.Where(entry => entry.IsDefault)];
        foreach (CollectorEntry entry in collectors)
        {
            durations.Samples(entry.Name).Observe(0.001);
        }

        durations.Requests.WithLabels("200").Observe(0.001);
        durations.Requests.WithLabels("404").Observe(0.001);

        MetricsText page = Page();
        page.Series.Count.ShouldBeLessThanOrEqualTo((6 * collectors.Length) + 12);
        page.Series.Where(series => series.Name.EndsWith("_bucket", StringComparison.Ordinal)).GroupBy(series => series.Labels[0].Value).ShouldAllBe(one => one.Count() <= 5);
    }

    [Fact]
    public void Both_formats_have_the_same_series()
    {
        durations.Samples("demo").Observe(0.001);
        durations.Requests.WithLabels("200").Observe(0.001);

        Page().Series.Select(Labelled).ShouldBe(Page(ExpositionFormat.OpenMetrics).Series.Select(Labelled));

        static string Labelled(Series series) => $"{series.Name} {string.Join(' ', series.Labels)}";
    }

    [Theory]
    [InlineData("Text")]
    [InlineData("OpenMetrics")]
    public void Count_and_buckets_agree_on_every_page_while_others_observe(string format)
    {
        int stop = 0;
        Thread[] observers = [.. Enumerable.Range(0, 2).Select(i => new Thread(() =>
        {
            Prometheus.IHistogram answers = durations.Requests.WithLabels("200");
            Prometheus.IObserver samples = durations.Samples("demo");
            while (Volatile.Read(ref stop) == 0)
            {
                answers.Observe(0.5, Prometheus.Exemplar.None);
                samples.Observe(0.5);
            }
        }))];
        Array.ForEach(observers, observer => observer.Start());
        SpinWait.SpinUntil(() => Page().Series.Count > 10, TimeSpan.FromSeconds(20)).ShouldBeTrue();
        for (int i = 0; i < 500; i++)
        {
            MetricsText page = Page(Enum.Parse<ExpositionFormat>(format));
            foreach (string name in (string[])["conn_exporter_request_duration_seconds", "conn_collector_sample_duration_seconds"])
            {
                double count = MetricsText.Number(page.Series.Single(series => series.Name == name + "_count").Value);
                MetricsText.Number(page.Series.Last(series => series.Name == name + "_bucket").Value).ShouldBe(count);
                MetricsText.Number(page.Series.Single(series => series.Name == name + "_sum").Value).ShouldBe(count / 2);
            }
        }

        Volatile.Write(ref stop, 1);
        Array.ForEach(observers, observer => observer.Join());
    }

    private MetricsText Page(ExpositionFormat format = ExpositionFormat.Text) => MetricsText.Parse(Encoding.UTF8.GetString(registry.ToText(format)));
}
