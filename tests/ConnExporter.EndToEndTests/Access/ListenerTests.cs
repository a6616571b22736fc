using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Access;

/// <summary>Where it listens besides a TCP port.</summary>
public sealed class ListenerTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public async Task A_unix_socket_is_served_and_goes_away_with_the_daemon()
    {
        string path = directory["web.sock"];
        await using Daemon daemon = await Daemon.StartAsync($"--web.listen-address=unix:{path}", "--web.listen-address=127.0.0.1:0");
        using HttpClient client = SecureClient.OnUnixSocket(path);

        (await client.GetStringAsync("/-/healthy")).ShouldBe("healthy\n");
        Page.Parse(await client.GetStringAsync("/metrics")).Names.ShouldContain("conn_exporter_build_info");
        Finished second = await new Launch($"--web.listen-address=unix:{path}").RunAsync();
        second.ExitCode.ShouldBe(3, "somebody listens there");
        second.Error.ShouldStartWith($"conn-exporter: cannot listen on unix:{path}: ");
        (await client.GetStringAsync("/-/healthy")).ShouldBe("healthy\n");

        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
        File.Exists(path).ShouldBeFalse();
    }

    [Fact]
    public async Task What_a_killed_daemon_left_behind_is_not_in_the_way()
    {
        string path = directory["web.sock"];
        await using (Daemon killed = await Daemon.StartAsync($"--web.listen-address=unix:{path}"))
        {
            await killed.EndByAsync(LibC.SigKill);
        }

        File.Exists(path).ShouldBeTrue();
        await using Daemon daemon = await Daemon.StartAsync($"--web.listen-address=unix:{path}");
        using HttpClient client = SecureClient.OnUnixSocket(path);
        (await client.GetStringAsync("/-/healthy")).ShouldBe("healthy\n");
    }

    [Theory]
    [InlineData("file", "a regular file is there")]
    [InlineData("directory", "a directory is there")]
    [InlineData("link", "a symbolic link is there")]
    public async Task What_is_no_socket_is_left_as_it_is_and_named(string kind, string complaint)
    {
        string path = directory["web.sock"];
        string target = directory["target"];
        await File.WriteAllTextAsync(target, "precious");
        switch (kind)
        {
            case "file":
                File.Move(target, path);
                target = path;
                break;
            case "directory":
                Directory.CreateDirectory(path);
                break;
            default:
                File.CreateSymbolicLink(path, target);
                break;
        }

        Finished run = await new Launch($"--web.listen-address=unix:{path}").RunAsync();

        run.ExitCode.ShouldBe(3);
        run.Error.ShouldStartWith($"conn-exporter: cannot listen on unix:{path}: {complaint}");
        (await File.ReadAllTextAsync(target)).ShouldBe("precious");
        (File.Exists(path) || Directory.Exists(path)).ShouldBeTrue();
    }

    [Fact]
    public async Task A_path_without_a_directory_is_named_with_its_cause()
    {
        Finished run = await new Launch($"--web.listen-address=unix:{directory["nowhere/web.sock"]}").RunAsync();

        run.ExitCode.ShouldBe(3);
        run.Error.ShouldEndWith($": there is no directory {directory["nowhere"]}\n");
    }

    [Fact]
    public async Task What_was_put_in_the_place_of_the_socket_stays_at_the_end()
    {
        string path = directory["web.sock"];
        await using Daemon daemon = await Daemon.StartAsync($"--web.listen-address=unix:{path}", "--web.listen-address=127.0.0.1:0");
        File.Delete(path);
        await File.WriteAllTextAsync(path, "precious");

        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);

        (await File.ReadAllTextAsync(path)).ShouldBe("precious");
    }

    [FactThatNeeds("systemd-socket-activate")]
    public async Task Sockets_that_systemd_passes_on_are_served_instead_of_the_addresses()
    {
        string path = directory["activated.sock"];
        int port = FreePort();
        var launch = new Launch("--web.systemd-socket", "--web.listen-address=192.0.2.1:1") { Under = ["systemd-socket-activate", $"--listen=127.0.0.1:{port}", $"--listen={path}"] };
        using Process process = launch.Start();
        try
        {
            // It starts the daemon at the first connection, which then waits for it.
            using HttpClient onUnix = SecureClient.OnUnixSocket(path);
            await Eventually.Holds(async () => (await onUnix.StatusAsync("/-/healthy")).ShouldBe(HttpStatusCode.OK));
            using HttpClient onPort = Daemon.NewClient(new Uri($"http://127.0.0.1:{port}"));
            (await onPort.StatusAsync("/-/healthy")).ShouldBe(HttpStatusCode.OK);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
    }

    [Fact]
    public async Task Without_sockets_from_systemd_it_ends_with_3_and_one_line()
    {
        Finished run = await new Launch("--web.systemd-socket").RunAsync();

        run.ExitCode.ShouldBe(3);
        run.Error.ShouldStartWith("conn-exporter: cannot listen: LISTEN_PID and LISTEN_FDS name no sockets");
        run.Error.Count(c => c == '\n').ShouldBe(1);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
