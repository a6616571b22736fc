using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Operations;

/// <summary>What is shipped for Alertmanager is what its own tool accepts, and alerts go where they belong.</summary>
public sealed class AlertmanagerTests
{
    [FactThatNeeds(Need.AmTool)]
    public async Task Amtool_accepts_the_configuration() => (await Tool.RunAsync("amtool", "check-config", Shipped.Alertmanager)).ShouldContain("SUCCESS");

    [TheoryThatNeeds(Need.AmTool)]
    [InlineData("page", "alertname=ConnFindingCritical", "severity=critical", "finding=ephemeral_ports_exhausting", "instance=web-1:9057")]
    [InlineData("page", "alertname=ConnExporterDown", "severity=critical", "instance=web-1:9057")]
    [InlineData("page", "alertname=ConnExporterMissing", "severity=critical")]
    [InlineData("ticket", "alertname=ConnFindingWarning", "severity=warning", "finding=accept_queue_overflowing", "instance=web-1:9057")]
    [InlineData("ticket", "alertname=ConnFindingRecurring", "severity=warning")]
    [InlineData("ticket", "alertname=ConnCollectorBroken", "severity=warning")]
    [InlineData("ticket", "alertname=ConnTooManyEstablished", "severity=warning")]
    public async Task Alerts_are_routed_by_severity(string receiver, params string[] labels) =>
        await Tool.RunAsync(["amtool", "config", "routes", "test", $"--config.file={Shipped.Alertmanager}", $"--verify.receivers={receiver}", .. labels]);

    [FactThatNeeds(Need.AmTool)]
    public async Task Routes_that_are_wrong_are_noticed() =>
        (await Tool.TryAsync("amtool", "config", "routes", "test", $"--config.file={Shipped.Alertmanager}", "--verify.receivers=ticket", "severity=critical")).ExitCode.ShouldNotBe(0);
}
