using ConnExporter.Kernel;
using ConnExporter.Sampling;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Sampling;

public class FailureLogTests
{
    private static readonly KernelReadException Parse = new(FailureKind.Broken, "parse", "/proc/net/snmp: expected a block Tcp:, found ''");
    private static readonly KernelReadException Protocol = new(FailureKind.Broken, "protocol", "netlink: 3 bytes left over");
    private static readonly KernelReadException Denied = new(FailureKind.Denied, "denied", "/proc/net/snmp: Permission denied (errno 13)");
    private static readonly KernelReadException Absent = new(FailureKind.Absent, "absent", "/proc/net/snmp: No such file or directory (errno 2)");

    private static readonly KernelReadException Hidden = KernelReadException.Hidden(Absent, "every Linux has /proc/net/sockstat");

    private readonly ManualTime time = new();
    private readonly LoggedLines logged = new();
    private readonly FailureLog failures;

    public FailureLogTests() => failures = new FailureLog("demo", time, logged.Log);

    [Fact]
    public void A_good_start_is_not_worth_a_line() => Report(null).ShouldBeEmpty();

    [Fact]
    public void The_first_failure_is_logged_at_once() =>
        Report(Parse).ShouldBe(["<4>Collector demo failed: /proc/net/snmp: expected a block Tcp:, found ''; 0 like it were not logged"]);

    [Fact]
    public void What_is_hidden_is_not_said_to_be_missing_from_the_host()
    {
        Report(Absent).ShouldBe(["<6>Collector demo: not on this host: /proc/net/snmp: No such file or directory (errno 2)"]);
        var other = new FailureLog("other", time, logged.Log);
        other.Report(Hidden);
        logged.Take().ShouldBe(["<4>Collector other: hidden from this process: /proc/net/snmp: No such file or directory (errno 2): every Linux has /proc/net/sockstat"]);
    }

    [Fact]
    public void The_next_ones_are_logged_once_a_minute_with_their_number()
    {
        Report(Parse);
        for (int second = 1; second < 60; second++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            Report(Parse).ShouldBeEmpty();
        }

        time.Advance(TimeSpan.FromSeconds(1));
        Report(Parse).ShouldBe(["<4>Collector demo failed: /proc/net/snmp: expected a block Tcp:, found ''; 59 like it were not logged"]);
        Report(Parse).ShouldBeEmpty();
    }

    [Fact]
    public void A_failure_for_another_reason_is_logged_at_once()
    {
        Report(Parse);
        Report(Protocol).ShouldBe(["<4>Collector demo failed: netlink: 3 bytes left over; 0 like it were not logged"]);
        Report(Denied).ShouldBe(["<4>Collector demo was denied: /proc/net/snmp: Permission denied (errno 13); 0 like it were not logged"]);
    }

    [Fact]
    public void Reasons_that_take_turns_are_logged_once_a_minute_each()
    {
        int lines = 0;
        for (int second = 0; second < 120; second++)
        {
            lines += Report(second % 2 == 0 ? Parse : Protocol).Length;
            time.Advance(TimeSpan.FromSeconds(1));
        }

        lines.ShouldBe(4);
    }

    [Fact]
    public void Recovery_is_logged_once()
    {
        Report(Parse);

        Report(null).ShouldBe(["<6>Collector demo reads again"]);
        Report(null).ShouldBeEmpty();
    }

    [Fact]
    public void A_source_that_comes_and_goes_is_logged_once_a_minute()
    {
        List<string> lines = [];
        for (int second = 0; second < 90; second++)
        {
            lines.AddRange(Report(second % 2 == 0 ? Parse : null));
            time.Advance(TimeSpan.FromSeconds(1));
        }

        lines.Select(line => line[..20]).ShouldBe(["<4>Collector demo fa", "<6>Collector demo re", "<4>Collector demo fa", "<6>Collector demo re"]);
        lines[2].ShouldEndWith("; 29 like it were not logged");
    }

    [Fact]
    public void What_is_not_on_this_host_is_told_once_however_long_it_stays_away()
    {
        Report(Absent).ShouldBe(["<6>Collector demo: not on this host: /proc/net/snmp: No such file or directory (errno 2)"]);
        for (int minute = 0; minute < 100; minute++)
        {
            time.Advance(TimeSpan.FromMinutes(1));
            Report(Absent).ShouldBeEmpty();
        }

        Report(null).ShouldBe(["<6>Collector demo reads again"]);
        Report(Absent).Length.ShouldBe(1);
    }

    [Fact]
    public void A_defect_is_logged_with_its_stack()
    {
        Exception defect = Should.Throw<InvalidOperationException>(() => throw new InvalidOperationException("two places"));

        string line = Report(new KernelReadException(FailureKind.Broken, "internal", "a defect in this program: two places", defect)).ShouldHaveSingleItem();

        line.ShouldStartWith("<4>Collector demo failed: a defect in this program: two places; 0 like it were not logged: System.InvalidOperationException: two places |");
        line.ShouldContain(nameof(A_defect_is_logged_with_its_stack));
    }

    private string[] Report(KernelReadException? failure)
    {
        failures.Report(failure);
        return logged.Take();
    }
}
