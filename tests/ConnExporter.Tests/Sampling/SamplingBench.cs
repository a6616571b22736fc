using System.Collections.Immutable;
using System.Net;
using System.Text;
using ConnExporter.Configuration;
using ConnExporter.Kernel.Namespaces;
using ConnExporter.Kernel.Sources;
using ConnExporter.Metrics;
using ConnExporter.Sampling;
using ConnExporter.Tests.Support;
using Serilog.Events;

namespace ConnExporter.Tests.Sampling;

/// <summary>A sampler whose collectors do what a test tells them, by a clock that the test moves.</summary>
/// <remarks>
/// The intervals are so long that no sample comes by itself while a test runs. To have the next one, the clock is moved by an interval
/// and the interval changed by a tick: a change takes effect at once.
/// </remarks>
internal sealed class SamplingBench : IDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <summary>The name of a collector that follows the scope.</summary>
    public const string Scoped = "scoped";

    /// <summary>The name of a collector that has patience.</summary>
    public const string Patient = "patient";

    private readonly Dictionary<string, ScriptedCollector> collectors = [];
    private readonly ImmutableArray<CollectorEntry> list;
    private readonly MetricRegistry registry = new();
    private ImmutableDictionary<string, TimeSpan> enabled = ImmutableDictionary<string, TimeSpan>.Empty;

    /// <summary>A bench with collectors of these names, none of them enabled.</summary>
    public SamplingBench(params string[] names)
    {
        Store = new SnapshotStore();
        list = [.. names.Select(name => new CollectorEntry(name, Interval, "a test", (_, _) => collectors[name] = new ScriptedCollector(name, Next(name))) { FollowsScope = name == Scoped, Patience = name == Patient ? Interval : null })];
        Sampler = new Sampler(Store, list, KernelSource.Host(), Time, Logged.Log, new Durations(registry).OfSamples);
    }

    public ManualTime Time { get; } = new();

    /// <summary>The network namespaces that are to be read.</summary>
    public NamespaceScope Scope { get; set; }

    /// <summary>The share of a core that may be used.</summary>
    public double Budget { get; set; } = 1;

    public LoggedLines Logged { get; } = new();

    public SnapshotStore Store { get; }

    public Sampler Sampler { get; }

    /// <summary>The page as it is now.</summary>
    public MetricsText Page => MetricsText.Of(Store.Current);

    /// <summary>What the page has of a collector's reading; null where it has none.</summary>
    public string? ValueOf(string collector) => Page[ScriptedReading.Family, ScriptedReading.Setting, collector];

    /// <summary>How many samples were counted by how long they took: collector and number.</summary>
    public IEnumerable<string> CountedSamples => MetricsText.Parse(Encoding.UTF8.GetString(registry.ToText(ExpositionFormat.Text))).Of("conn_collector_sample_duration_seconds_count");

    /// <summary>What a collector's first sample shall do; a good reading of 1 unless told otherwise.</summary>
    public Dictionary<string, Func<CollectContext, ulong>> First { get; } = [];

    public static ExporterOptions Options(ImmutableDictionary<string, TimeSpan> collectors) => new()
    {
        ListenAddresses = [new ListenAddress(IPAddress.Loopback, 0)],
        TelemetryPath = "/metrics",
        ProcPath = "/proc",
        SysPath = "/sys",
        RootPath = "/nonexistent",
        LogLevel = LogEventLevel.Information,
        LogFormat = LogFormat.Logfmt,
        Namespaces = NamespaceScope.Auto,
        Collectors = collectors,
        Census = new CensusOptions(Top: 20, Destinations: 50, Keys: 65_536, FoldV4: 32, FoldV6: 128, IdleAges: false),
    };

    public CollectorState State(string name) => Store.Current.Collectors[Store.Current.IndexOf(name)];

    public ScriptedCollector Collector(string name) => collectors[name];

    /// <summary>Enables these collectors and no others.</summary>
    public void Apply(params (string Name, TimeSpan Interval)[] wanted)
    {
        enabled = wanted.ToImmutableDictionary(entry => entry.Name, entry => entry.Interval);
        Sampler.Apply(Options(enabled) with { Namespaces = Scope, CpuBudget = Budget });
    }

    /// <summary>Enables these collectors, and waits until each has published its first sample.</summary>
    public void Start(params string[] names)
    {
        Apply([.. names.Select(name => (name, Interval))]);
        foreach (string name in names)
        {
            AwaitSample(name, 1);
        }
    }

    /// <summary>Lets an interval pass; the collector samples and publishes.</summary>
    public void Sample(string name, Func<CollectContext, ulong> what)
    {
        Trigger(name, what);
        AwaitSample(name, collectors[name].Samples);
    }

    /// <summary>Lets an interval pass; the collector begins a sample, which is held until the result is disposed.</summary>
    public Held Hold(string name, ulong value = 1)
    {
        var held = new Held();
        Trigger(name, _ => held.Wait(value));
        return held;
    }

    /// <summary>Waits until the collector has published this many samples and its thread sleeps until the next one.</summary>
    public void AwaitSample(string name, int number)
    {
        Eventually.True(() => State(name).Dropped.GetValueOrDefault(ScriptedCollector.Family) >= (ulong)number);

        // It takes the wall clock's time for what it publishes, then the monotonic one to know how long to sleep.
        Eventually.True(() => !Time.ReadWallClockLast(name));
    }

    public void Dispose()
    {
        Sampler.StopCollectors();
        Sampler.Dispose();
    }

    private Func<CollectContext, ulong> Next(string name) => First.GetValueOrDefault(name) ?? (_ => 1);

    private void Trigger(string name, Func<CollectContext, ulong> what)
    {
        collectors[name].Next = what;
        Time.Advance(Interval + TimeSpan.FromTicks(1));
        TimeSpan interval = enabled[name] == Interval ? Interval - TimeSpan.FromTicks(1) : Interval;
        enabled = enabled.SetItem(name, interval);
        int before = collectors[name].Samples;
        Sampler.Apply(Options(enabled) with { Namespaces = Scope, CpuBudget = Budget });
        Eventually.True(() => collectors[name].Samples == before + 1);
    }
}

/// <summary>A sample in progress, as one that waits for the kernel.</summary>
internal sealed class Held : IDisposable
{
    private readonly ManualResetEventSlim begun = new();
    private readonly ManualResetEventSlim released = new();

    public ulong Wait(ulong value)
    {
        begun.Set();
        released.Wait();
        return value;
    }

    /// <summary>Waits until somebody waits.</summary>
    public void AwaitBegun() => begun.Wait(TimeSpan.FromSeconds(10)).ShouldBeTrue();

    /// <summary>The kernel answers.</summary>
    public void Dispose() => released.Set();
}

/// <summary>A collector that does what it is told, and counts its samples where they are published with the outcome.</summary>
internal sealed class ScriptedCollector(string name, Func<CollectContext, ulong> first) : Collector
{
    public const string Family = "test_samples";
    private volatile Func<CollectContext, ulong> next = first;
    private volatile int samples;
    private volatile bool disposed;

    public Func<CollectContext, ulong> Next
    {
        set => next = value;
    }

    public int Samples => samples;

    public bool Disposed => disposed;

    public override Reading Collect(CollectContext context)
    {
        context.Drop(Family, 1);
        samples++;
        return ScriptedReading.Of(next(context), name);
    }

    public override void Close() => disposed = true;
}
