using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Web.Pages;

namespace ConnExporter.Tests.Diagnosis;

public class DiagnosticianTests
{
    private const int InFull = NamespacesCollector.ShownInFull;

    [Fact]
    public void Namespaces_that_come_and_go_with_a_finding_each_leave_no_more_than_the_bound()
    {
        var bench = new PageBench();
        int namespaces = 0;
        for (int look = 0; look < 60; look++)
        {
            bench.Readings.RemoveAll(reading => reading is NamespacesReading);
            bench.Readings.Add(new NamespacesReading([.. Enumerable.Range(0, InFull).Select(_ => Stormy($"n{namespaces++}"))], InFull, InFull, 0));
            bench.Look();
        }

        DiagnosisReport report = bench.Store.Current.Report!;
        string[] elsewhere = [.. report.Counts.Select(count => count.Netns).Distinct().Where(netns => netns != "self")];
        elsewhere.ShouldContain($"n{namespaces - 1}", "those that are there");
        elsewhere.Length.ShouldBeLessThanOrEqualTo(InFull + Diagnostician.BoundElsewhere);
        report.Findings.Count(finding => finding.Netns != "self").ShouldBeLessThanOrEqualTo((InFull * RuleList.All.Length) + Diagnostician.BoundElsewhere);
    }

    private static NamespacesReading.Row Stormy(string name) =>
        new(name, new NamespaceReadings { States = new StatesReading(name, PageBench.States(TcpState.TimeWait, 50_000), StatesReading.SockDiag), Limits = new SockStatReading(name, null, null, null, 50_000) }, InFull: true);
}
