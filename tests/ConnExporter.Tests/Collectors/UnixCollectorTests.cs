using ConnExporter.Kernel;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public sealed class UnixCollectorTests : IDisposable
{
    private const byte Stream = 1;
    private const byte Datagram = 2;
    private const byte Listen = 10;
    private const byte Unconnected = 7;
    private static readonly CensusOptions Options = new(Top: 5, Destinations: 5, Keys: 100, FoldV4: 32, FoldV6: 128, IdleAges: false);
    private readonly CollectorBench bench = new();

    public UnixCollectorTests()
    {
        bench.Write("sys/net/unix/max_dgram_qlen", "512\n");
        bench.Use(kernel => new UnixCollector(kernel, Options, names: false));
    }

    public void Dispose() => bench.Dispose();

    [Fact]
    public void Listeners_where_somebody_waits_have_rows_and_all_are_counted()
    {
        bench.SockDiag.DumpByFamily(Listener(1, "/run/a.sock", 3, 128), Listener(2, "/run/b.sock", 0, 128), Listener(3, "\0abstract", 1, 0), Netlink.UnixRecord(Stream, Listen, 4, name: null, queues: (0, 5)));
        bench.SockDiag.DumpByFamily(Netlink.UnixRecord(Datagram, Unconnected, 5, "/dev/log", queues: (0, 0)), Netlink.UnixRecord(Datagram, Unconnected, 6), Netlink.UnixRecord(Stream, 1, 7, "/run/a.sock"));

        MetricsText page = bench.Collect();

        page["conn_unix_listeners", "self"].ShouldBe("4");
        page["conn_unix_receivers", "self"].ShouldBe("1");
        page["conn_unix_datagram_queue_limit", "self"].ShouldBe("512");
        page["conn_unix_listener_queue", "self", "/run/a.sock"].ShouldBe("3");
        page["conn_unix_listener_queue_limit", "self", "/run/a.sock"].ShouldBe("128");
        page["conn_unix_listener_queue_peak", "self", "/run/a.sock"].ShouldBe("3");
        page["conn_unix_listener_queue", "self", "/run/b.sock"].ShouldBeNull();
        page["conn_unix_listener_queue", "self", "@abstract"].ShouldBe("1");
    }

    [Fact]
    public void The_time_at_full_is_that_between_looks_that_both_saw_it_so()
    {
        Look(6);
        Look(6, after: 2).Listeners[0].FullFor.ShouldBe(TimeSpan.FromSeconds(2));
        Look(6, after: 3).Listeners[0].ShouldSatisfyAllConditions(row => row.FullFor.ShouldBe(TimeSpan.FromSeconds(5)), row => row.FullTotal.ShouldBe(TimeSpan.FromSeconds(5)), row => row.IsFull.ShouldBeTrue());
        Look(5, after: 1).Listeners[0].ShouldSatisfyAllConditions(row => row.FullFor.ShouldBe(TimeSpan.Zero), row => row.FullTotal.ShouldBe(TimeSpan.FromSeconds(5)), row => row.IsFull.ShouldBeFalse(), row => row.Peak.ShouldBe(6u));
        Look(6, after: 1).Listeners[0].FullFor.ShouldBe(TimeSpan.Zero, "the look before saw room");
        Look(6, after: 1).Listeners[0].FullTotal.ShouldBe(TimeSpan.FromSeconds(6));

        // Empty for longer than peaks last: what was told for good stays, until it is closed.
        Look(0, after: 200).Listeners.Single().ShouldSatisfyAllConditions(row => row.Peak.ShouldBe(0u), row => row.FullTotal.ShouldBe(TimeSpan.FromSeconds(6)));
        bench.Time.Advance(TimeSpan.FromSeconds(1));
        bench.SockDiag.DumpByFamily();
        ((UnixReading)bench.Sample()).Listeners.ShouldBeEmpty();
    }

    [Fact]
    public void A_queue_that_is_empty_for_a_minute_has_no_row_any_more()
    {
        Look(2);
        Look(0, after: 10).Listeners.Length.ShouldBe(1);
        Look(0, after: 100).Listeners.ShouldBeEmpty();
    }

    [Fact]
    public void Of_several_with_one_name_the_fullest_is_shown()
    {
        bench.SockDiag.DumpByFamily(Listener(1, "/run/a.sock", 1, 128), Listener(2, "/run/a.sock", 100, 128));
        bench.SockDiag.DumpByFamily();

        ((UnixReading)bench.Sample()).Listeners.Single().Queue.ShouldBe(100u);
    }

    [Fact]
    public void Rows_have_a_bound_and_what_is_left_out_is_counted()
    {
        bench.SockDiag.DumpByFamily(Enumerable.Range(1, 100).Select(i => Listener((ulong)i, $"/run/{i}.sock", (uint)i, 1000)));
        bench.SockDiag.DumpByFamily();

        var reading = (UnixReading)bench.Sample();

        (reading.Listeners.Length, reading.Listeners[0].Queue).ShouldBe((UnixCollector.Shown, 100u));
        bench.Context.Dropped["conn_unix_listener_queue"].ShouldBe(100ul - UnixCollector.Shown);
    }

    [Fact]
    public void Receivers_are_looked_at_every_fifteen_seconds_and_not_known_to_be_full_without_being_asked()
    {
        bench.SockDiag.DumpByFamily();
        bench.SockDiag.DumpByFamily(Netlink.UnixRecord(Datagram, Unconnected, 5, "/dev/log", queues: (100, 0)));
        bench.Collect();
        bench.Time.Advance(TimeSpan.FromSeconds(5));
        bench.SockDiag.DumpByFamily();
        bench.Collect()["conn_unix_receiver_unread_seconds", "self", "/dev/log"].ShouldBe("0");
        bench.Time.Advance(TimeSpan.FromSeconds(10));
        bench.SockDiag.DumpByFamily();
        bench.SockDiag.DumpByFamily(Netlink.UnixRecord(Datagram, Unconnected, 5, "/dev/log", queues: (100, 0)));

        MetricsText page = bench.Collect();

        page["conn_unix_receiver_unread_seconds", "self", "/dev/log"].ShouldBe("15");
        page["conn_unix_receiver_full", "self", "/dev/log"].ShouldBeNull();
        bench.SockDiag.AskedByFamily.ToArray().ShouldBe([0x400u, 0x82u, 0x400u, 0x400u, 0x82u]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(300)]
    public void Receivers_that_could_not_be_asked_are_counted_as_such(int receivers)
    {
        for (int look = 0; look < 2; look++)
        {
            bench.Time.Advance(TimeSpan.FromSeconds(15));
            bench.SockDiag.DumpByFamily();
            bench.SockDiag.DumpByFamily(Enumerable.Range(1, receivers).Select(i => Netlink.UnixRecord(Datagram, Unconnected, (ulong)i, $"/nowhere/{i}", queues: (100, 0))));
            ((UnixReading)bench.Sample()).UnaskedReceivers.ShouldBe(look == 0 ? 0 : receivers, "what comes and goes between two looks is read");
        }
    }

    [Fact]
    public void Names_show_as_what_they_are()
    {
        bench.SockDiag.DumpByFamily(Listener(1, "/run/a\nb\u202e.sock", 1, 128));
        bench.SockDiag.DumpByFamily();

        ((UnixReading)bench.Sample()).Listeners.Single().Name.ShouldBe("/run/a\\nb\\u202e.sock");
    }

    [Fact]
    public void Without_unix_diag_there_is_no_reading_and_a_look_minutes_later_finds_it()
    {
        bench.SockDiag.RefuseByFamily(Netlink.Error, 2);
        KernelReadException failure = bench.Fail();
        (failure.Kind, failure.Message.Contains("unix_diag", StringComparison.Ordinal)).ShouldBe((FailureKind.Absent, true));

        // Not at each look: it makes the kernel look for the module.
        bench.Time.Advance(TimeSpan.FromSeconds(10));
        bench.Fail().Kind.ShouldBe(FailureKind.Absent);
        bench.SockDiag.AskedByFamily.Count.ShouldBe(1);
        Look(1, after: 300).Listeners.Length.ShouldBe(1);
    }

    [Fact]
    public void A_broken_record_is_no_smaller_number()
    {
        bench.SockDiag.DumpByFamily(Listener(1, "/run/a.sock", 1, 128), [1, 1, 10]);

        bench.Fail().Kind.ShouldBe(FailureKind.Broken);
    }

    private UnixReading Look(uint queue, int after = 0)
    {
        bench.Time.Advance(TimeSpan.FromSeconds(after));
        bench.SockDiag.DumpByFamily(Listener(1, "/run/fpm.sock", queue, 5));

        // Whether it is asked for receivers too, which there are none of.
        bench.SockDiag.DumpByFamily();
        var reading = (UnixReading)bench.Sample();
        bench.SockDiag.Forget();
        return reading;
    }

    private static byte[] Listener(ulong cookie, string name, uint queue, uint limit) => Netlink.UnixRecord(Stream, Listen, cookie, name, inode: (uint)cookie, queues: (queue, limit));
}
