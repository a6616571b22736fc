using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using ConnExporter.Metrics;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.State;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Metrics;

public class MetricsPageTests
{
    private readonly ManualTime time = new();
    private readonly StateStore store;
    private readonly MetricsPage page;

    public MetricsPageTests()
    {
        store = new StateStore(new ExporterState(new Snapshot([new CollectorState { Name = "demo", Interval = TimeSpan.FromSeconds(1), Outcome = Outcome.Ok, Reading = ScriptedReading.Of(41) }])));
        page = new MetricsPage(store, new MetricRegistry());
    }

    [Fact]
    public void One_snapshot_is_rendered_once_for_each_format()
    {
        byte[] text = Bytes(ExpositionFormat.Text);
        byte[] openMetrics = Bytes(ExpositionFormat.OpenMetrics);

        Bytes(ExpositionFormat.Text).ShouldBeSameAs(text);
        Bytes(ExpositionFormat.OpenMetrics).ShouldBeSameAs(openMetrics);
        Encoding.UTF8.GetString(openMetrics).ShouldEndWith("# EOF\n");
    }

    [Fact]
    public async Task The_same_snapshot_gives_the_same_bytes_to_whoever_renders_it()
    {
        byte[] first = Bytes(ExpositionFormat.Text);

        MemoryMarshal.TryGetArray(await new MetricsPage(store, new MetricRegistry()).GetAsync(ExpositionFormat.Text, compressed: false), out ArraySegment<byte> other);

        other.ToArray().ShouldBe(first);
    }

    [Fact]
    public void A_new_snapshot_makes_a_new_page()
    {
        byte[] before = Bytes(ExpositionFormat.Text);

        ((ISnapshotStore)store).Update(snapshot => snapshot with { Collectors = [snapshot.Collectors[0] with { Reading = ScriptedReading.Of(42) }] });

        byte[] after = Bytes(ExpositionFormat.Text);
        Value(MetricsText.Parse(Encoding.UTF8.GetString(before))).ShouldBe("41");
        Value(MetricsText.Parse(Encoding.UTF8.GetString(after))).ShouldBe("42");
    }

    [Fact]
    public void A_collector_without_a_reading_writes_no_series()
    {
        ((ISnapshotStore)store).Update(snapshot => snapshot with { Collectors = [snapshot.Collectors[0] with { Reading = null }] });

        var read = MetricsText.Of(store.Current);

        Value(read).ShouldBeNull();
        read["conn_collector_outcome", "demo", "ok"].ShouldBe("1");
    }

    [Fact]
    public void Gzip_decodes_to_the_plain_page_and_is_made_once()
    {
        byte[] packed = Bytes(ExpositionFormat.Text, compressed: true);

        Bytes(ExpositionFormat.Text, compressed: true).ShouldBeSameAs(packed);
        Unpack(packed).ShouldBe(Bytes(ExpositionFormat.Text));
        packed.Length.ShouldBeLessThan(Bytes(ExpositionFormat.Text).Length / 2);
    }

    [Fact]
    public void A_new_snapshot_is_compressed_anew()
    {
        Bytes(ExpositionFormat.Text, compressed: true);

        ((ISnapshotStore)store).Update(snapshot => snapshot with { Collectors = [snapshot.Collectors[0] with { Reading = ScriptedReading.Of(42) }] });

        Unpack(Bytes(ExpositionFormat.Text, compressed: true)).ShouldBe(Bytes(ExpositionFormat.Text));
    }

    [Fact]
    public void Many_readers_at_once_see_whole_pages_while_snapshots_change()
    {
        const int Snapshots = 200;
        int stop = 0;
        Task<int>[] readers = Enumerable.Range(0, 4).Select(i => Task.Factory.StartNew(
            () =>
            {
                ExpositionFormat format = i % 2 == 0 ? ExpositionFormat.Text : ExpositionFormat.OpenMetrics;
                int pages = 0;
                do
                {
                    byte[] plain = i < 2 ? Bytes(format) : Unpack(Bytes(format, compressed: true));
                    var read = MetricsText.Parse(Encoding.UTF8.GetString(plain));
                    Value(read).ShouldBe(Value(read, ScriptedReading.Twin));
                    pages++;
                }
                while (Volatile.Read(ref stop) == 0);

                return pages;
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)).ToArray();

        for (ulong value = 0; value < Snapshots; value++)
        {
            ((ISnapshotStore)store).Update(snapshot => snapshot with { Collectors = [snapshot.Collectors[0] with { Reading = ScriptedReading.Of(value) }] });
            Bytes(ExpositionFormat.Text);
        }

        Volatile.Write(ref stop, 1);
        Should.CompleteIn(Task.WhenAll(readers), TimeSpan.FromSeconds(20));
        Value(MetricsText.Of(store.Current)).ShouldBe($"{Snapshots - 1}");
    }

    [Fact]
    public void Eight_readers_see_no_page_torn_and_no_series_twice_while_label_sets_come_and_go()
    {
        const int Readers = 8;
        const int Snapshots = 400;
        int stop = 0;
        var pages = new HashSet<byte[]>[Readers];
        Thread[] readers = [.. Enumerable.Range(0, Readers).Select(i => new Thread(() =>
        {
            var seen = new HashSet<byte[]>();
            while (Volatile.Read(ref stop) == 0)
            {
                seen.Add(Bytes(i % 2 == 0 ? ExpositionFormat.Text : ExpositionFormat.OpenMetrics, compressed: i % 4 > 1));
            }

            pages[i] = seen;
        }))];
        Array.ForEach(readers, reader => reader.Start());
        for (int value = 1; value <= Snapshots; value++)
        {
            ListenersReading reading = Crowd.Of(value);
            ((ISnapshotStore)store).Update(snapshot => snapshot with { Collectors = [snapshot.Collectors[0] with { Reading = reading }] });
            Bytes(ExpositionFormat.Text);
        }

        Volatile.Write(ref stop, 1);
        Array.ForEach(readers, reader => reader.Join());
        for (int i = 0; i < Readers; i++)
        {
            foreach (byte[] bytes in pages[i])
            {
                var read = MetricsText.Parse(Encoding.UTF8.GetString(i % 4 > 1 ? Unpack(bytes) : bytes));
                string[] crowd = Crowd.In(read);
                crowd.ShouldBeUnique();
                crowd.ShouldBe(Crowd.Expected(Crowd.NumberIn(read)), ignoreOrder: true);
            }
        }

        pages.SelectMany(seen => seen).Distinct().Count().ShouldBeGreaterThan(50);
    }

    [Fact]
    public async Task A_page_that_cannot_be_made_is_made_from_the_next_snapshot_and_nothing_is_left_of_it()
    {
        Show(ScriptedReading.Of(1));
        Bytes(ExpositionFormat.Text);
        Show(ScriptedReading.Of(2, writing: () => throw new InvalidOperationException("a defect")));

        foreach (ExpositionFormat format in (ExpositionFormat[])[ExpositionFormat.Text, ExpositionFormat.OpenMetrics, ExpositionFormat.Text])
        {
            await Should.ThrowAsync<InvalidOperationException>(async () => await page.GetAsync(format, compressed: false));
        }

        Show(ScriptedReading.Of(3));
        Value(MetricsText.Parse(Encoding.UTF8.GetString(Bytes(ExpositionFormat.Text)))).ShouldBe("3");
    }

    [Fact]
    public async Task Who_waits_for_the_page_holds_no_thread_and_gets_the_newest()
    {
        using var rendering = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        int rendered = 0;
        Show(ScriptedReading.Of(1, writing: () =>
        {
            rendering.Set();
            goOn.Wait();
        }));
        Task<byte[]> first = Task.Factory.StartNew(() => Bytes(ExpositionFormat.Text), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        rendering.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();

        // If one of these waited on its thread, this one would never get on. Each of them has another snapshot before it.
        Task<ReadOnlyMemory<byte>>[] others = [.. Enumerable.Range(2, 50).Select(value =>
        {
            Show(ScriptedReading.Of((ulong)value, writing: () => rendered++));
            return page.GetAsync(ExpositionFormat.Text, compressed: true).AsTask();
        })];
        others.ShouldAllBe(one => !one.IsCompleted);
        goOn.Set();

        Value(MetricsText.Parse(Encoding.UTF8.GetString(await first))).ShouldBe("1");
        foreach (ReadOnlyMemory<byte> other in await Task.WhenAll(others))
        {
            Value(MetricsText.Parse(Encoding.UTF8.GetString(Unpack(other.ToArray())))).ShouldBe("51");
        }

        rendered.ShouldBe(1, "what was overtaken is rendered for nobody");
    }

    private void Show(Reading reading) => ((ISnapshotStore)store).Update(snapshot => snapshot with { Collectors = [snapshot.Collectors[0] with { Reading = reading }] });

    private static byte[] Unpack(byte[] packed)
    {
        using var stream = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
        using var plain = new MemoryStream();
        stream.CopyTo(plain);
        return plain.ToArray();
    }

    private byte[] Bytes(ExpositionFormat format, bool compressed = false)
    {
        MemoryMarshal.TryGetArray(page.GetAsync(format, compressed).AsTask().GetAwaiter().GetResult(), out ArraySegment<byte> segment).ShouldBeTrue();
        segment.Offset.ShouldBe(0);
        segment.Count.ShouldBe(segment.Array!.Length);
        return segment.Array;
    }

    private static string? Value(MetricsText page, string setting = ScriptedReading.Setting) => page[ScriptedReading.Family, setting, "self"];

    /// <summary>Listeners: fifty gauges and counters of a hundred and fifty names, other ones in each snapshot; the counters start over now and then.</summary>
    private static class Crowd
    {
        private const string Gauge = "conn_listener_accept_queue";
        private const string Counter = "conn_listener_drops_total";

        public static ListenersReading Of(int number) => new("self", [.. Names(number).Select(name => new ListenersReading.Row(name, "1", (ulong)number, null, 0, (ulong)(number % 7)))]);

        public static string[] In(MetricsText page) => [.. ((string[])[Gauge, Counter]).SelectMany(name => page.Series.Where(series => series.Name == name).Select(series => $"{name} {series.Labels[1].Value} {MetricsText.Number(series.Value)}"))];

        // A page of another reading has no crowd.
        public static int NumberIn(MetricsText page) => page.Series.FirstOrDefault(series => series.Name == Gauge) is { } first ? (int)MetricsText.Number(first.Value) : 0;

        public static IEnumerable<string> Expected(int number) => number == 0 ? [] :
            Names(number).SelectMany(name => (string[])[$"{Gauge} {name} {number}", $"{Counter} {name} {number % 7}"]);

        private static IEnumerable<string> Names(int number) => Enumerable.Range(0, 50).Select(i => $"{((i * 3) + (number * 7)) % 150}");
    }
}
