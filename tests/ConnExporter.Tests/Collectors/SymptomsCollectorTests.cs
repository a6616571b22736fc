using ConnExporter.Kernel;
using ConnExporter.Kernel.Bpf;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public sealed class SymptomsCollectorTests : IDisposable
{
    private static readonly SymptomKey NoPort = new(SymptomKind.NoPort, 7, "checkout", port: 6379);
    private readonly CollectorBench bench = new();
    private readonly SymptomTotals totals = new(cgroup => $"unit{cgroup}");

    public void Dispose() => bench.Dispose();

    [Fact]
    public void Without_programs_it_is_absent()
    {
        bench.Use(kernel => new SymptomsCollector(kernel));

        bench.Fail().Kind.ShouldBe(FailureKind.Absent);
    }

    [Fact]
    public void What_was_refused_is_tried_again_only_after_five_minutes()
    {
        int tries = 0;
        bench.Use(kernel => new SymptomsCollector(kernel with
        {
            OpenSymptoms = () =>
            {
                tries++;
                throw new KernelReadException(FailureKind.Denied, "denied", "no");
            },
        }));

        bench.Fail().Kind.ShouldBe(FailureKind.Denied);
        bench.Fail().Kind.ShouldBe(FailureKind.Denied);
        tries.ShouldBe(1);
        bench.Time.Advance(TimeSpan.FromMinutes(5));
        bench.Fail().Message.ShouldBe("no");
        tries.ShouldBe(2);
    }

    [Fact]
    public void Each_kind_has_its_reason_and_connects_their_ports()
    {
        Take(NoPort, 3);
        Take(new(SymptomKind.ConnectFailed, 7, "checkout", 111, 6379), 4);
        Take(new(SymptomKind.ConnectFailed, 7, "checkout", 110, 6379), 5);
        Take(new(SymptomKind.ConnectFailed, 7, "checkout", 101, 6379), 6);
        Take(new(SymptomKind.ConnectFailed, 7, "checkout", 113, 6380), 7);
        Take(new(SymptomKind.ConnectFailed, 7, "", 104, 6379), 8);
        Take(new(SymptomKind.ConnectAbandoned, 7, "checkout", 0, 6379), 9);
        Take(new(SymptomKind.ConnectLocal, 7, "checkout", 0, 6379), 10);
        Take(new(SymptomKind.ClosedFirst, 7, "checkout", 0, 6379), 11);
        Take(new(SymptomKind.Accepted, 8, "", 0, 443), 12);
        Take(new(SymptomKind.AcceptFailed, 8, "web", 24), 13);
        Take(new(SymptomKind.AcceptFailed, 8, "web", 23), 14);
        Take(new(SymptomKind.DescriptorRefused, 8, "web", 24), 15);
        Take(new(SymptomKind.BindFailed, 8, "web", 98, 443), 16);

        MetricsText page = Page();

        page["conn_connect_failures_total", "checkout", "unit7", "no_port"].ShouldBe("3");
        page["conn_connect_failures_total", "checkout", "unit7", "refused"].ShouldBe("4");
        page["conn_connect_failures_total", "checkout", "unit7", "timed_out"].ShouldBe("5");
        page["conn_connect_failures_total", "checkout", "unit7", "unreachable"].ShouldBe("13");
        page["conn_connect_failures_total", "unknown", "unit7", "other"].ShouldBe("8");
        page["conn_connect_failures_total", "checkout", "unit7", "abandoned"].ShouldBe("9");
        page["conn_connect_failures_total", "checkout", "unit7", "local"].ShouldBe("10");
        page["conn_connect_port_failures_total", "6379", "no_port"].ShouldBe("3");
        page["conn_connect_port_failures_total", "6380", "unreachable"].ShouldBe("7");
        page["conn_closes_first_total", "checkout", "unit7", "6379"].ShouldBe("11");
        page["conn_handshakes_accepted_total", "unit8", "443"].ShouldBe("12");
        page["conn_accept_failures_total", "web", "unit8", "process_descriptors"].ShouldBe("13");
        page["conn_accept_failures_total", "web", "unit8", "system_descriptors"].ShouldBe("14");
        page["conn_descriptor_failures_total", "web", "unit8"].ShouldBe("15");
        page["conn_bind_failures_total", "web", "unit8", "443"].ShouldBe("16");
        page["conn_symptom_updates_lost_total"].ShouldBe("0");
        page["conn_symptom_hook_active", "states"].ShouldBe("1");
        page["conn_symptom_hook_active", "accept"].ShouldBe("0");
    }

    [Fact]
    public void What_rises_in_the_kernel_rises_by_as_much_and_goes_on_after_the_key_was_forgotten()
    {
        Take(NoPort, 3);
        Take(NoPort, 3);
        Take(NoPort, 10);
        bench.Time.Advance(SymptomRows.Idle);
        totals.FindIdle([NoPort], bench.Time).ShouldBe([NoPort]);
        totals.Forget(NoPort);
        Take(NoPort, 2);

        Failures("no_port").ShouldBe("12");
    }

    [Fact]
    public void A_key_that_moves_is_not_given_up()
    {
        Take(NoPort, 3);
        bench.Time.Advance(SymptomRows.Idle);
        Take(NoPort, 4);

        totals.FindIdle([NoPort], bench.Time).ShouldBeEmpty();
    }

    [Fact]
    public void What_found_no_room_in_the_kernel_is_in_the_rows_other()
    {
        totals.TakeLost(SymptomKind.ConnectFailed, 2);
        totals.TakeLost(SymptomKind.ConnectFailed, 5);
        totals.TakeLost(SymptomKind.ClosedFirst, 1);
        totals.TakeLost(SymptomKind.Accepted, 1);
        totals.TakeLost(SymptomKind.Unremembered, 1);

        MetricsText page = Page();

        page["conn_connect_failures_total", "other", "other", "other"].ShouldBe("5");
        page["conn_connect_port_failures_total", "other", "other"].ShouldBe("5");
        page["conn_closes_first_total", "other", "other", "other"].ShouldBe("1");
        page["conn_handshakes_accepted_total", "other", "other"].ShouldBe("1");
        page["conn_symptom_updates_lost_total"].ShouldBe("8");
    }

    [Fact]
    public void What_this_process_does_itself_is_left_out()
    {
        totals.Own = (7, "checkout");
        Take(NoPort, 3);
        Take(new(SymptomKind.NoPort, 8, "checkout", port: 6379), 2);

        Failures("no_port").ShouldBeNull();
        Page()["conn_connect_failures_total", "checkout", "unit8", "no_port"].ShouldBe("2");
    }

    [Fact]
    public void A_cgroup_that_was_not_found_is_unknown_and_looked_for_again()
    {
        string? unit = null;
        var late = new SymptomTotals(_ => unit);

        late.Take(NoPort, 3, bench.Time);
        unit = "shop.service";
        late.Take(NoPort, 5, bench.Time);
        unit = null;
        late.Take(NoPort, 9, bench.Time);

        var page = MetricsText.Of(late.ToReading([]));
        page["conn_connect_failures_total", "checkout", "unknown", "no_port"].ShouldBe("3");
        page["conn_connect_failures_total", "checkout", "shop.service", "no_port"].ShouldBe("6");
    }

    [Fact]
    public void Rows_have_a_bound_sums_hold_and_no_series_falls()
    {
        for (int i = 0; i < SymptomTotals.Shown + 50; i++)
        {
            Take(new(SymptomKind.ClosedFirst, 1, $"p{i}", port: 80), 2);
        }

        Rows().ShouldBe(SymptomTotals.Shown + 1);
        Page()["conn_closes_first_total", "other", "other", "other"].ShouldBe("100");
        totals.TakeLeftOut().Single(row => row.Family == "conn_closes_first_total").Count.ShouldBe(50);
        totals.TakeLeftOut().Single(row => row.Family == "conn_closes_first_total").Count.ShouldBe(0);

        // One that stands still gives way, and takes nothing with it.
        bench.Time.Advance(SymptomRows.Idle);
        Take(new(SymptomKind.ClosedFirst, 1, "new", port: 80), 1);
        Page()["conn_closes_first_total", "new", "unit1", "80"].ShouldBe("1");
        Page()["conn_closes_first_total", "other", "other", "other"].ShouldBe("100");
        Rows().ShouldBe(SymptomTotals.Shown + 1);
    }

    private string? Failures(string reason) => Page()["conn_connect_failures_total", "checkout", "unit7", reason];

    private int Rows() => totals.ToReading([]).Closes.Length;

    private MetricsText Page() => MetricsText.Of(totals.ToReading([new("states", null), new("accept", new KernelReadException(FailureKind.Denied, "denied", "no"))]));

    private void Take(SymptomKey key, ulong value) => totals.Take(key, value, bench.Time);
}
