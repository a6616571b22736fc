using System.Net.Sockets;
using System.Text;
using ConnExporter.Hosting;
using ConnExporter.Sampling;
using ConnExporter.Tests.Support;
using ServiceState = Microsoft.Extensions.Hosting.Systemd.ServiceState;

namespace ConnExporter.Tests.Hosting;

public sealed class SystemdNotifierTests : IDisposable
{
    private static readonly CollectorState Demo = new() { Name = "demo", Interval = TimeSpan.FromSeconds(1) };
    private readonly TemporaryDirectory directory = new();
    private readonly Dictionary<string, string> environment = [];
    private readonly ManualTime time = new();
    private readonly LoggedLines logged = new();
    private readonly Socket manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 5000 };

    public void Dispose()
    {
        manager.Dispose();
        directory.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void It_speaks_to_a_socket_with_a_path_or_an_abstract_name(bool isAbstract)
    {
        Listen(isAbstract);
        using SystemdNotifier notifier = Notifier();

        notifier.Ready();
        Heard().ShouldBe("READY=1");
        notifier.Notify(ServiceState.Stopping);
        Heard().ShouldBe("STOPPING=1");
    }

    [Fact]
    public void A_reload_is_told_with_the_monotonic_time_in_microseconds()
    {
        Listen();
        using SystemdNotifier notifier = Notifier();

        notifier.Reloading();

        Heard().ShouldBe($"RELOADING=1\nMONOTONIC_USEC={TimeSpan.FromDays(1).TotalMicroseconds}");
    }

    [Fact]
    public void The_status_is_told_when_it_changes()
    {
        Listen();
        using SystemdNotifier notifier = Notifier();

        notifier.Ping(With(Demo));
        Heard().ShouldBe("STATUS=0 of 1 collectors ok\n");

        notifier.Ping(With(Demo));
        notifier.Ping(With(Demo with { Outcome = Outcome.Ok }, Demo with { Name = "a", Outcome = Outcome.Stuck }, Demo with { Name = "b", Outcome = Outcome.Denied }));
        Heard().ShouldBe("STATUS=1 of 3 collectors ok, a stuck, b denied\n");
        manager.Available.ShouldBe(0);
    }

    [Fact]
    public void Before_there_are_collectors_only_the_watchdog_is_told()
    {
        Listen();
        environment["WATCHDOG_USEC"] = "30000000";
        using SystemdNotifier notifier = Notifier();

        notifier.Ping(With());
        Heard().ShouldBe("WATCHDOG=1");
    }

    [Fact]
    public void What_a_manager_that_does_not_read_has_missed_is_told_later()
    {
        Listen();
        environment["WATCHDOG_USEC"] = "30000000";
        using SystemdNotifier notifier = Notifier();
        int queued = Fill();

        notifier.Notify(ServiceState.Ready);
        notifier.Ping(With(Demo));
        notifier.Ping(With(Demo));
        for (int message = 0; message < queued; message++)
        {
            Heard().ShouldBe("filler");
        }

        manager.Available.ShouldBe(0);
        notifier.Ping(With(Demo));
        Heard().ShouldBe("READY=1\nSTATUS=0 of 1 collectors ok\nWATCHDOG=1");
        notifier.Ping(With(Demo));
        Heard().ShouldBe("WATCHDOG=1");
    }

    [Fact]
    public void Where_the_service_ends_meanwhile_it_is_not_called_ready_any_more()
    {
        Listen();
        using SystemdNotifier notifier = Notifier();
        int queued = Fill();

        notifier.Notify(ServiceState.Ready);
        notifier.Notify(ServiceState.Stopping);
        for (int message = 0; message < queued; message++)
        {
            Heard();
        }

        notifier.Ping(With());
        manager.Available.ShouldBe(0);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("own")]
    public void The_watchdog_is_kept_quiet_where_it_watches_this_process(string? pid)
    {
        Listen();
        environment["WATCHDOG_USEC"] = "30000000";
        if (pid is not null)
        {
            environment["WATCHDOG_PID"] = pid == "own" ? Environment.ProcessId.ToString() : pid;
        }

        using SystemdNotifier notifier = Notifier();

        notifier.Ping(With(Demo));
        Heard().ShouldBe("STATUS=0 of 1 collectors ok\nWATCHDOG=1");
        notifier.Ping(With(Demo));
        Heard().ShouldBe("WATCHDOG=1");
    }

    [Fact]
    public void A_watchdog_of_another_process_is_left_alone()
    {
        Listen();
        environment["WATCHDOG_USEC"] = "30000000";
        environment["WATCHDOG_PID"] = "1";
        using SystemdNotifier notifier = Notifier();

        notifier.Ping(With(Demo));

        Heard().ShouldBe("STATUS=0 of 1 collectors ok\n");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void Without_a_service_manager_it_is_silent(string? path)
    {
        if (path is not null)
        {
            environment["NOTIFY_SOCKET"] = path;
        }

        using SystemdNotifier notifier = Notifier();

        notifier.Ready();
        notifier.Ping(With(Demo));
        notifier.Notify(ServiceState.Stopping);

        logged.Take().ShouldBeEmpty();
    }

    [Fact]
    public void A_manager_that_cannot_be_reached_is_reported_once_and_does_no_harm()
    {
        environment["NOTIFY_SOCKET"] = Path.Join(directory.Path, "nobody");
        using SystemdNotifier notifier = Notifier();

        notifier.Ready();
        notifier.Notify(ServiceState.Stopping);

        logged.Take().ShouldHaveSingleItem().ShouldStartWith("<4>The service manager cannot be told READY=1: ");
    }

    [Fact]
    public void A_manager_that_does_not_read_does_not_hold_up_the_daemon()
    {
        Listen();
        using SystemdNotifier notifier = Notifier();

        for (int message = 0; message < 1000; message++)
        {
            notifier.Ready();
        }

        logged.Take().ShouldHaveSingleItem().ShouldStartWith("<4>The service manager cannot be told READY=1: ");
    }

    private static Snapshot With(params CollectorState[] collectors) => Snapshot.Empty with { Collectors = [.. collectors] };

    private void Listen(bool isAbstract = false)
    {
        string name = isAbstract ? $"conn-exporter-test-{Guid.NewGuid():N}" : Path.Join(directory.Path, "notify");
        manager.Bind(new UnixDomainSocketEndPoint(isAbstract ? '\0' + name : name));
        environment["NOTIFY_SOCKET"] = isAbstract ? '@' + name : name;
    }

    // As many messages as the kernel keeps for a socket that nobody reads (net.unix.max_dgram_qlen).
    private int Fill()
    {
        using var sender = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false };
        int sent = 0;
        try
        {
            while (true)
            {
                sender.SendTo("filler"u8, manager.LocalEndPoint!);
                sent++;
            }
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock)
        {
            return sent;
        }
    }

    private SystemdNotifier Notifier() => new(environment.GetValueOrDefault, time, logged.Log);

    private string Heard()
    {
        byte[] buffer = new byte[1024];
        return Encoding.UTF8.GetString(buffer.AsSpan(0, manager.Receive(buffer)));
    }
}
