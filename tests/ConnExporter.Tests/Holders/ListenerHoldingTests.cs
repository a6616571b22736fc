using ConnExporter.Sampling.Holders;

namespace ConnExporter.Tests.Holders;

public class ListenerHoldingTests
{
    private static readonly Owner Systemd = new("systemd", "init.scope", 1, 10);
    private static readonly Owner UserManager = new("systemd", "user@1000.service", 900, 5000);
    private static readonly Owner Master = new("nginx", "nginx.service", 50, 100);
    private static readonly Owner Worker = new("nginx", "nginx.service", 51, 101);
    private static readonly Owner Twin = new("nginx", "nginx.service", 52, 101);
    private static readonly Owner Helper = new("sleep", "nginx.service", 60, 300);
    private static readonly Owner Stranger = new("curl", "cron.service", 70, 400);

    [Fact]
    public void Without_a_holder_nothing_is_said() => ListenerHolding.Of([], [Stranger]).ShouldBeNull();

    [Fact]
    public void One_holder_serves_and_nobody_else_is_known()
    {
        ListenerHolding.Of([Systemd], [Stranger])!.ShouldSatisfyAllConditions(
            one => one.Server.ShouldBe(Systemd), one => one.Evidence.ShouldBe(ServerEvidence.OnlyHolder), one => one.Maker.ShouldBeNull());
    }

    [Fact]
    public void The_service_serves_what_systemd_made() => Judged([Systemd, Master], []).ShouldBe((Master, Systemd, ServerEvidence.StartedLast));

    [Fact]
    public void Also_where_the_manager_started_later() => Judged([UserManager, Master], []).ShouldBe((Master, UserManager, ServerEvidence.StartedLast));

    [Fact]
    public void A_worker_serves_what_its_master_made() => Judged([Worker, Master], []).ShouldBe((Worker, Master, ServerEvidence.StartedLast));

    [Fact]
    public void Of_two_of_one_tick_the_higher_pid_is_younger() => Judged([Twin, Worker], []).ShouldBe((Twin, Worker, ServerEvidence.StartedLast));

    [Fact]
    public void Who_holds_connections_serves_though_a_helper_that_inherited_the_listener_is_younger() =>
        Judged([Master, Worker, Helper], [Worker, Stranger]).ShouldBe((Worker, Master, ServerEvidence.HoldsConnections));

    [Fact]
    public void Of_two_that_hold_connections_it_is_the_newer_as_after_a_hot_restart() =>
        Judged([Master, Worker], [Master, Worker]).ShouldBe((Worker, Master, ServerEvidence.HoldsConnections));

    [Fact]
    public void Connections_of_others_tell_nothing() => Judged([Systemd, Master], [Stranger]).ShouldBe((Master, Systemd, ServerEvidence.StartedLast));

    [Fact]
    public void A_manager_that_accepts_itself_serves() => Judged([Systemd, Master], [Systemd]).ShouldBe((Systemd, Master, ServerEvidence.HoldsConnections));

    private static (Owner Server, Owner? Maker, ServerEvidence Evidence) Judged(Owner[] holders, Owner[] connected)
    {
        ListenerHolding found = ListenerHolding.Of(holders, connected)!;
        found.Holders.ShouldBe(holders.Length);
        return (found.Server, found.Maker, found.Evidence);
    }
}
