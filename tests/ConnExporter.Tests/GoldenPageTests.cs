using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Sources;
using ConnExporter.Metrics;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.State;
using ConnExporter.Tests.Sampling;
using ConnExporter.Tests.Support;
using Serilog.Core;

namespace ConnExporter.Tests;

/// <summary>
/// The whole metrics page of each fixture tree, compared with the file next to it. A change of the page is meant to show up in review:
/// UPDATE_GOLDEN=1 writes the files anew.
/// </summary>
public partial class GoldenPageTests
{
    // How prometheus-net writes numbers otherwise than in full. Beside these it declares families that have no series any more (ExpositionWriterTests), and
    // OpenMetrics has "1.0" for 1: nothing else is to differ from a page that is written by hand.
    private static readonly (string What, Func<double, string, bool> Is)[] Spellings =
    [
        ("infinity in words, in text", (value, text) => double.IsInfinity(value) && text is "Infinity" or "-Infinity"),
        ("a whole number above 2^53 as a double", (value, text) => Math.Abs(value) > 1ul << 53 && text.Contains("e+", StringComparison.Ordinal)),
        ("an exponent with a small e", (value, text) => text == value.ToString("R", CultureInfo.InvariantCulture).Replace('E', 'e')),
    ];

    private static readonly bool Update = Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1";

    public static TheoryData<string> Vintages => new("linux-4.19", "linux-5.10", "linux-6.18");

    [Theory]
    [MemberData(nameof(Vintages))]
    public void The_page_of_a_recorded_kernel_is_the_golden_one(string vintage)
    {
        string golden = Fixture.PathOf(vintage, "page.golden.txt");
        string page = Render(vintage, ExpositionFormat.Text);
        if (Update)
        {
            File.WriteAllText(golden, page);
        }

        page.ShouldBe(File.ReadAllText(golden), $"{golden} differs; if that is meant, run the tests with UPDATE_GOLDEN=1 and look at the difference");
    }

    [Fact]
    public void A_pod_that_the_runtime_names_has_one_name_wherever_it_is_shown()
    {
        using var root = new TemporaryDirectory();
        root.Write(
            "run/containerd/io.containerd.runtime.v2.task/k8s.io/32612a53e61297b9b47f0a011426a4cf61a16e1874c08cc8b29c0c008926a7b9/config.json",
            """{"annotations":{"io.kubernetes.cri.container-name":"java","io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop"}}""");

        string page = Render("linux-5.10", ExpositionFormat.Text, new PodNames(root.Path));

        page.ShouldBe(File.ReadAllText(Fixture.PathOf("linux-5.10", "page.golden.txt")).Replace("pod 0d1c1f0a-52b1-4a6e-9d3c-1f6f1c2b7a10/cri-containerd-32612a53e612", "pod shop/web-0/java", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Vintages))]
    public void Numbers_are_in_full_but_for_the_listed_spellings(string vintage)
    {
        foreach (Series series in MetricsText.Parse(Render(vintage, ExpositionFormat.Text)).Series)
        {
            double value = MetricsText.Number(series.Value);
            string full = value == Math.Floor(value) && Math.Abs(value) < 1e15 ? value.ToString("0", CultureInfo.InvariantCulture) : value.ToString("R", CultureInfo.InvariantCulture);
            (series.Value == full || Spellings.Any(spelling => spelling.Is(value, series.Value))).ShouldBeTrue($"{series.Name}: {series.Value}, in full {full}");
        }
    }

    [Theory]
    [MemberData(nameof(Vintages))]
    public void OpenMetrics_differs_from_text_in_names_of_counters_in_1_0_and_in_its_end(string vintage)
    {
        string[] expected =
        [
            .. Render(vintage, ExpositionFormat.Text).Split('\n').SkipLast(1).Select(line =>
            {
                if (line[0] == '#')
                {
                    string name = line.Split(' ')[2];
                    return name.EndsWith("_total", StringComparison.Ordinal) ? line.Replace(name, name[..^"_total".Length], StringComparison.Ordinal) : line;
                }

                return line.Split(' ')[^1].AsSpan().IndexOfAnyExceptInRange('0', '9') < 0 ? line + ".0" : line;
            }),
            "# EOF",
            "",
        ];

        Render(vintage, ExpositionFormat.OpenMetrics).Split('\n').ShouldBe(expected);
    }

    [Theory]
    [MemberData(nameof(Vintages))]
    public void Both_formats_have_the_same_samples(string vintage)
    {
        string text = Samples(Render(vintage, ExpositionFormat.Text));

        Samples(Render(vintage, ExpositionFormat.OpenMetrics)).ShouldBe(text);
    }

    [PromtoolTheory]
    [MemberData(nameof(Vintages))]
    public void Promtool_has_nothing_to_say_about_the_page(string vintage)
    {
        using Process promtool = Process.Start(new ProcessStartInfo("promtool", ["check", "metrics"])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        promtool.StandardInput.Write(Render(vintage, ExpositionFormat.Text));
        promtool.StandardInput.Close();
        string said = promtool.StandardOutput.ReadToEnd() + promtool.StandardError.ReadToEnd();
        promtool.WaitForExit();

        said.ShouldBeEmpty();
        promtool.ExitCode.ShouldBe(0);
    }

    private static string Render(string vintage, ExpositionFormat format, PodNames? pods = null)
    {
        using SockDiagReplay sockDiag = vintage == "linux-4.19" ? SockDiagReplay.Missing() : SockDiagReplay.Of(vintage);
        var kernel = new KernelSource(Fixture.Proc(vintage), Fixture.PathOf(vintage, "sys"), sockDiag.Open) { Pods = pods };
        var page = new ExpositionWriter();
        MetricsPage.Write(page, Sample(kernel));
        page.Repeats.ShouldBe(0, "a series is written twice");

        // Not this build's, not this run's.
        return BuildInfo().Replace(Encoding.UTF8.GetString(page.ToText(format)), "conn_exporter_build_info{version=\"0.0.0\",revision=\"\",runtime=\"\"}");
    }

    private static ExporterState Sample(KernelSource kernel)
    {
        var time = new StoppedClock();
        var store = new SnapshotStore();
        store.Update(_ => Snapshot.Empty with
        {
            CpuBudget = SamplingOptions.DefaultCpuBudget,
            Collectors = [.. CollectorList.All.Where(entry => entry.IsDefault).Select(entry => new CollectorState { Name = entry.Name, Interval = entry.DefaultInterval })],
        });
        var budget = new CpuBudget(1, time);

        // One sample each: the next one is a day away.
        CollectorThread[] threads =
            [.. CollectorList.All.Where(entry => entry.IsDefault).Select(entry => new CollectorThread(entry.Name, entry.Create(kernel, SamplingBench.Options([])), budget.Enter(TimeSpan.FromDays(1), patience: null), store, time, Logger.None))];
        // It goes by what the others have read.
        const string Last = "lookup";
        threads.Where(thread => thread.Name != Last).ShouldAllBe(thread => thread.TryStart());
        SpinWait.SpinUntil(() => store.Current.Collectors.All(state => state.Outcome is not null || state.Name == Last), TimeSpan.FromSeconds(30)).ShouldBeTrue("a collector did not end its sample");
        threads.Single(thread => thread.Name == Last).TryStart().ShouldBeTrue();
        SpinWait.SpinUntil(() => store.Current.IsComplete, TimeSpan.FromSeconds(30)).ShouldBeTrue("a collector did not end its sample");
        Array.ForEach(threads, thread => thread.Stop());
        threads.ShouldAllBe(thread => thread.Join(TimeSpan.FromSeconds(10)));
        DiagnosisReport report = new Diagnostician(RuleList.All, new Thresholds(), time, (rule, e) => throw new InvalidOperationException(rule, e)).Look(store.Current);
        Snapshot sampled = store.Current with { Collectors = [.. store.Current.Collectors.Select(state => state with { CpuTime = TimeSpan.Zero, Interval = IntervalOf(state.Name) })] };
        return new ExporterState(sampled) { Report = report, Configuration = new ConfigurationState(LastReloadOk: true, time.GetUtcNow()) };
    }

    private static TimeSpan IntervalOf(string collector) => CollectorList.All.First(entry => entry.Name == collector).DefaultInterval;

    private static string Samples(string page) => string.Join('\n', MetricsText.Parse(page).Series.Select(series => $"{series.Name} {string.Join(' ', series.Labels)} {MetricsText.Number(series.Value):R}"));

    [GeneratedRegex(@"conn_exporter_build_info\{[^}]*\}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex BuildInfo();

    private sealed class StoppedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

        public override long GetTimestamp() => 0;
    }
}
