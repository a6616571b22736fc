using System.Diagnostics;
using System.Text.RegularExpressions;

namespace ConnExporter.KernelTests;

#pragma warning disable MA0009 // The pages are our own: nobody feeds these expressions to make them slow.

/// <summary>
/// The commands of the runbooks, run as they stand there, block by block, in a network namespace of their own: what no tool would take is found. The Chinese pages have the same
/// commands, which another test sees to.
/// </summary>
public sealed class RunbookCommandTests : IDisposable
{
    private static readonly string Pages = Path.Join(Places.Repository, "docs", "runbooks", "en");
    private static readonly Regex ShellBlock = new("(?ms)^```sh\n(.*?)^```$");
    private static readonly Regex SettingName = new(@"\b(?:net|fs)\.[a-z0-9_]+(?:\.[a-z0-9_]+)*[a-z0-9_-]*");

    // The host has these once, so that no test may set them, and other network namespaces do not have them all.
    private static readonly Regex SettingOfHost = new(@"\bsysctl\b.*(?:fs\.|tcp_mem|tcp_max_orphans|nf_conntrack_max|nf_conntrack_buckets|nf_conntrack_expect_max|neigh\.default|netdev_max_backlog|[rw]mem_max)");

    // Not every place where tests run has a service manager.
    private static readonly Regex NotRun = new(@"^\s*systemctl\b");
    private static readonly string[] Removed = ["net.ipv4.tcp_tw_recycle", "net.ipv4.ip_conntrack_max"];

    // Settings of one vendor's kernels (Alibaba Cloud Linux), by its documentation.
    private static readonly string[] OfOneVendor = ["net.ipv4.tcp_tw_timeout"];
    private static readonly string[] Programs =
        ["ss", "sysctl", "nft", "prlimit", "conntrack", "nstat", "ip", "tc", "awk", "sed", "sort", "uniq", "head", "wc", "paste", "grep", "cat", "ls", "echo", "ps", "for", "done", "[", "systemctl"];

    private readonly string directory = Directory.CreateTempSubdirectory("runbooks-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [KernelFact("bash", "ss", "nft", "prlimit", "sysctl", "conntrack", "nstat", "tc", "ps")]
    public void Every_command_is_one_that_its_tool_takes()
    {
        using var network = new NetworkNamespace();
        using Process victim = network.Start("sleep", "600");
        try
        {
            int blocks = 0;
            foreach ((string page, string block) in Blocks())
            {
                string[] lines = [.. block.Split('\n').Where(line => !NotRun.IsMatch(line) && !SettingOfHost.IsMatch(line) && !OfOneVendor.Any(line.Contains))];

                // To lower the limit of our own process is always allowed, to raise it is not everywhere.
                string script = string.Join('\n', lines).Replace("65536", "512", StringComparison.Ordinal);
                (int exit, string errors) = Run(network, script, victim.Id);

                // 1 is what grep says where nothing is found.
                exit.ShouldBeInRange(0, 1, $"{page}: {block}{errors}");
                errors.ShouldBe("", $"{page}: {block}");
                blocks++;
            }

            blocks.ShouldBeGreaterThan(80);
        }
        finally
        {
            victim.Kill();
        }
    }

    [KernelFact("bash", "ss")]
    public void A_filter_that_ss_does_not_take_would_be_found()
    {
        using var network = new NetworkNamespace();

        (int exit, string errors) = Run(network, "ss -Htn state time_wait | wc -l", Environment.ProcessId);

        exit.ShouldBeGreaterThan(1);
        errors.ShouldContain("wrong state name");
    }

    [Fact]
    public void Every_setting_exists_or_is_said_to_have_been_removed()
    {
        string[] fixtures = [.. Directory.EnumerateDirectories(Path.Join(Places.Repository, "tests", "ConnExporter.Tests", "Fixtures"), "linux-*")];
        string[] trees = ["/proc/sys", .. fixtures.Select(fixture => Path.Join(fixture, "proc", "sys"))];
        string[] names = [.. Directory.EnumerateFiles(Pages, "*.md").SelectMany(file => SettingName.Matches(File.ReadAllText(file))).Select(match => match.Value).Distinct()];

        names.Length.ShouldBeGreaterThan(25);
        names.Where(name => !Removed.Contains(name) && !OfOneVendor.Contains(name) && !trees.Any(tree => File.Exists(Path.Join(tree, name.Replace('.', '/'))))).ShouldBeEmpty();
        Removed.ShouldAllBe(name => !File.Exists(Path.Join("/proc/sys", name.Replace('.', '/'))));
    }

    [Fact]
    public void No_command_is_of_a_program_that_nothing_here_runs() =>
        Blocks().SelectMany(pair => Regex.Replace(pair.Block, @"(?:\\|\|)\n\s*", " ").Split('\n', StringSplitOptions.RemoveEmptyEntries))
            .Select(line => Regex.Replace(line.Trim(), @"^[a-z]+=(?:\$\()?", "").Split(' ')[0])
            .Except(Programs)
            .ShouldBeEmpty();

    private static IEnumerable<(string Page, string Block)> Blocks() => Directory.EnumerateFiles(Pages, "*.md").Order(StringComparer.Ordinal)
        .SelectMany(file => ShellBlock.Matches(File.ReadAllText(file)).Select(match => (Path.GetFileName(file), match.Groups[1].Value)));

    private (int Exit, string Errors) Run(NetworkNamespace network, string script, int processId)
    {
        using Process shell = network.Start("bash", "-c", $"set -o pipefail; cd '{directory}'; HOME=$PWD; PID={processId}\n{script}");
        shell.StandardInput.Close();
        Task<string> output = shell.StandardOutput.ReadToEndAsync();
        string errors = shell.StandardError.ReadToEnd();
        output.Wait();
        shell.WaitForExit();
        return (shell.ExitCode, errors);
    }
}
