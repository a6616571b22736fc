using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary>Without root and without capabilities.</summary>
public sealed class UnprivilegedTests : IDisposable
{
    private readonly TemporaryDirectory build = new();

    public UnprivilegedTests() => ProgramUnderTest.CopyTo(Repository.DaemonDirectory, build.Path);

    public void Dispose() => build.Dispose();

    [FactThatNeeds(Need.Root, Need.SetPriv)]
    public async Task Every_collector_reads_as_nobody_as_it_reads_as_root()
    {
        await using Daemon roots = await Daemon.StartReadyAsync();
        await using Daemon nobodys = await Daemon.StartReadyAsync(new Launch("--collector.census.interval=1s") { AsNobody = true, Directory = build.Path });

        Page root = await roots.ScrapeAsync();
        Page nobody = await nobodys.ScrapeAsync();

        foreach (string collector in root.Collectors)
        {
            nobody.Outcome(collector).ShouldBe(root.Outcome(collector), collector);
        }

        // Whose sockets they are is for the privileged to know; how much of it is known is on the page.
        nobody.Names.Except(["conn_process_sockets", .. Page.OfTheMoment]).ShouldBe(root.Names.Except(["conn_process_sockets", .. Page.OfTheMoment]));
        nobody["conn_process_sockets_covered_ratio"].ShouldBeLessThan(1);
        await Eventually.Holds(() => nobodys.Log.ShouldContain("CAP_SYS_PTRACE"));
    }

    [TheoryThatNeeds(Need.Root, Need.SetPriv)]
    [InlineData("0")]
    [InlineData("1")]
    public async Task Processes_of_others_are_counted_where_the_kernel_tells_their_descriptors_and_marked_where_it_does_not(string runtimeDiagnostics)
    {
        // With diagnostics, a thread of the runtime waits in open(): the descriptor reserved for it must not confuse the count.
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch
        {
            AsNobody = true,
            Directory = build.Path,
            Environment = { ["DOTNET_EnableDiagnostics"] = runtimeDiagnostics },
        });

        Page page = await daemon.ScrapeAsync();

        if (Environment.OSVersion.Version >= new Version(6, 2))
        {
            page["conn_processes_unreadable"].ShouldBe(0);
            daemon.Log.ShouldNotContain("cannot be read");
        }
        else
        {
            page["conn_processes_unreadable"].ShouldBeInRange(1, page["conn_processes"] - 1);
            await Eventually.Holds(() => daemon.Log.ShouldContain("CAP_SYS_PTRACE"));
        }

        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    [TheoryThatNeeds(Need.Root, Need.SetPriv, "unshare")]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Where_proc_hides_the_processes_of_others_they_are_marked_or_not_seen(int hidepid)
    {
        // A /proc of its own: that of the host stays as it is.
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch
        {
            Directory = build.Path,
            Under =
            [
                "unshare", "--mount", "sh", "-c", $"mount -t proc -o hidepid={hidepid} proc /proc && exec \"$@\"", "sh",
                "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
            ],
        });

        Page page = await daemon.ScrapeAsync();

        page.Outcome("processes").ShouldBe("ok");
        page.Outcome("self").ShouldBe("ok");
        page["process_open_fds"].ShouldBeGreaterThan(0);
        if (hidepid == 1)
        {
            page["conn_processes_unreadable"].ShouldBeInRange(1, page["conn_processes"] - 1);
            await Eventually.Holds(() => daemon.Log.ShouldContain("hidepid"));
        }
        else
        {
            page["conn_processes_unreadable"].ShouldBe(0, "what is hidden cannot be counted");
            page["conn_processes"].ShouldBeInRange(1, 20, "its own, and others of the same user");
        }
    }

    [FactThatNeeds(Need.Root, Need.SetPriv)]
    public async Task A_file_that_is_denied_marks_its_collector_and_no_other()
    {
        using var proc = ProcTree.With("net/netstat", path =>
        {
            File.WriteAllText(path, "");
            File.SetUnixFileMode(path, UnixFileMode.None);
        });
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch("--sampling.cpu-budget=1", $"--path.procfs={proc.Path}", "--collector.ports.interval=200ms", "--netns=host") { AsNobody = true, Directory = build.Path });

        Page before = await daemon.ScrapeAsync();

        before.Outcome("counters").ShouldBe("denied");
        before["conn_collector_errors_total", ("collector", "counters"), ("reason", "denied")].ShouldBeGreaterThan(0);
        before.Names.ShouldNotContain(name => name.Contains("listen_overflows", StringComparison.Ordinal), "what was not read is left out");
        before.Names.ShouldContain(name => name.Contains("active_opens", StringComparison.Ordinal), "what the other file says is there all the same");
        await Eventually.Holds(() => daemon.Log.ShouldContain("net/netstat"));
        foreach (string other in before.Collectors.Where(collector => collector != "counters"))
        {
            before.Outcome(other).ShouldBe(before.Find("conn_collector_outcome", ("collector", other), ("outcome", "absent")) == 1 ? "absent" : "ok", other);
        }

        await Eventually.Holds(async () => Fresh(await daemon.ScrapeAsync()).ShouldBeGreaterThan(Fresh(before)));
    }

    private static double Fresh(Page page) => page["conn_collector_last_success_timestamp_seconds", ("collector", "ports")];
}
