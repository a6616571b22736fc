using System.Diagnostics;
using System.Text.RegularExpressions;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary>Prometheus's own linter has nothing to say, whoever runs the daemon and whatever is switched off.</summary>
public sealed partial class PromtoolTests : IDisposable
{
    // Each start keeps a core busy for a moment.
    private static readonly ParallelOptions TwoAtATime = new() { MaxDegreeOfParallelism = 2 };

    private readonly TemporaryDirectory build = new();

    public PromtoolTests() => ProgramUnderTest.CopyTo(Repository.DaemonDirectory, build.Path);

    public void Dispose() => build.Dispose();

    [TheoryThatNeeds(Need.PromTool, Need.SetPriv, Need.Root)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Promtool_is_silent_about_the_page(bool asNobody) => await CheckAsync(asNobody);

    [TheoryThatNeeds(Need.PromTool, Need.SetPriv, Need.Root)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Promtool_is_silent_about_the_page_without_any_one_of_the_collectors(bool asNobody) =>
        await Parallel.ForEachAsync(await CollectorsAsync(), TwoAtATime, async (collector, _) =>
        {
            Page page = await CheckAsync(asNobody, $"--no-collector.{collector}");
            page.Collectors.ShouldNotContain(collector);
            page.Collectors.ShouldNotBeEmpty();
        });

    [TheoryThatNeeds(Need.PromTool, Need.SetPriv, Need.Root)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Promtool_is_silent_about_the_page_with_one_collector_alone(bool asNobody) =>
        await Parallel.ForEachAsync(await CollectorsAsync(), TwoAtATime, async (collector, _) =>
            (await CheckAsync(asNobody, "--collector.disable-defaults", $"--collector.{collector}")).Collectors.ShouldBe([collector]));

    private static async Task<List<string>> CollectorsAsync()
    {
        Finished help = await new Launch("--help").RunAsync();
        List<string> collectors = [.. Switches().Matches(help.Output).Select(match => match.Groups["collector"].Value)];
        collectors.Count.ShouldBeGreaterThan(5);
        return collectors;
    }

    private async Task<Page> CheckAsync(bool asNobody, params string[] flags)
    {
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch(flags) { AsNobody = asNobody, Directory = build.Path });
        using HttpResponseMessage answer = await daemon.GetMetricsAsync();
        string page = await answer.Content.ReadAsStringAsync();
        (int exitCode, string said) = await PromtoolAsync(page);
        said.ShouldBe("", string.Join(' ', flags));
        exitCode.ShouldBe(0);
        return Page.Parse(page);
    }

    private static async Task<(int ExitCode, string Said)> PromtoolAsync(string page)
    {
        var start = new ProcessStartInfo("promtool", ["check", "metrics"]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process promtool = Process.Start(start)!;
        Task<string> output = promtool.StandardOutput.ReadToEndAsync();
        Task<string> error = promtool.StandardError.ReadToEndAsync();
        await promtool.StandardInput.WriteAsync(page);
        promtool.StandardInput.Close();
        await promtool.WaitForExitAsync();
        return (promtool.ExitCode, await output + await error);
    }

    [GeneratedRegex(@"--no-collector\.(?<collector>[a-z]+)(?=\s)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Switches();
}
