using System.Text;
using System.Text.Json;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.State;
using ConnExporter.Tests.Diagnosis;
using ConnExporter.Tests.Support;
using ConnExporter.Texts;
using ConnExporter.Web.Pages;

namespace ConnExporter.Tests.Web.Pages;

/// <summary>A status site of played readings: a small host on which the ports towards one destination and the descriptors of one process run out.</summary>
internal sealed class PageBench
{
    public PageBench(string process = "api-server", params IEnumerable<Reading> more)
    {
        Diagnostician = new Diagnostician(RuleList.All, new Thresholds { For = TimeSpan.Zero }, Time, (_, e) => throw new InvalidOperationException("a rule failed", e));
        CensusReading census = ObservationBench.CensusOf(
            destinations: [new("10.0.0.7", "10.0.0.5", "6379", 24_000, 3_500, 0), new("10.0.0.7", "10.0.0.9", "443", 12, 0, 0), new("other", "other", "other", 4, 0, 0)],
            listeners: [new("0.0.0.0", "443", "nginx.service", "nginx", 3, 120, 2, 0, Owner: null)],
            processes: [new(process, "api.service", States(TcpState.Established, 24_000))],
            units: [new("api.service", States(TcpState.Established, 24_000))],
            remotes: [new("10.0.0.5", 0, 27_500)],
            outbound: 27_516);
        Readings =
        [
            census,
            new PortsReading(KernelSource.OwnNamespace, new PortRange(32_768, 60_999), PortSet.Parse("reserved", "\n"u8)),
            new ListenersReading(KernelSource.OwnNamespace, [new("0.0.0.0", "443", 511, 511, 512, 17), new("127.0.0.1", "9057", 0, 512, 1, null)]),
            new ProcessesReading([new(process, "api.service", 4, 5_000, 990, 1024) { WorstProcessId = 4711, WorstStartTicks = 100 }], 1, 0),
            new SockStatReading(KernelSource.OwnNamespace, new SockStat(10, 7, 0, 100), new MemoryLimits(90_000, 120_000, 180_000), 65_536, 131_072),
            .. more,
        ];
        Store = new StateStore(Time);
        Site = new StatusSite(Store, Diagnostician, Time, new PageSite("host-1", "/metrics"));
        Routes = new StatusRoutes(Site);
    }

    public ManualTime Time { get; } = new();

    public Diagnostician Diagnostician { get; }

    public List<Reading> Readings { get; }

    public StateStore Store { get; }

    public StatusSite Site { get; }

    public StatusRoutes Routes { get; }

    /// <summary>Takes the readings and looks, once or for a while.</summary>
    public PageBench Look(int seconds = 1)
    {
        for (int i = 0; i < seconds; i++)
        {
            Time.Advance(TimeSpan.FromSeconds(1));
            ((ISnapshotStore)Store).Update(snapshot => snapshot with
            {
                Collectors =
                [
                    .. Readings.Select(reading => new CollectorState
                    {
                        Name = reading.GetType().Name,
                        Interval = TimeSpan.FromSeconds(1),
                        Outcome = Outcome.Ok,
                        Reading = reading,
                        LastSuccess = Time.GetUtcNow(),
                        LastSuccessTimestamp = Time.GetTimestamp(),
                    }),
                ],
            });
            DiagnosisReport report = Diagnostician.Look(Store.Current.Snapshot);
            Store.Update(state => state with { Report = report });
        }

        return this;
    }

    public string Page(Language language = Language.English) => Encoding.UTF8.GetString(Document(StatusSite.Document.Page, language).Get(compressed: false));

    public JsonElement Json(StatusSite.Document document)
    {
        using var parsed = JsonDocument.Parse(Document(document, Language.English).Get(compressed: false));
        return parsed.RootElement.Clone();
    }

    public StatusSite.Rendering Document(StatusSite.Document document, Language language) => Site.GetAsync(document, language, compressed: true).AsTask().GetAwaiter().GetResult()!;

    public static ulong[] States(TcpState state, ulong count)
    {
        ulong[] states = new ulong[TcpTable.StateCount];
        states[(int)state] = count;
        return states;
    }
}
