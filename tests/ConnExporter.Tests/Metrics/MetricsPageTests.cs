using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using ConnExporter.Metrics;
using ConnExporter.Sampling;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Metrics;

public class MetricsPageTests
{
    private readonly ManualTime time = new();
    private readonly SnapshotStore store;
    private readonly MetricsPage page;

    public MetricsPageTests()
    {
        store = new SnapshotStore(Snapshot.Empty(time) with
        {
            Collectors = [new CollectorState { Name = "demo", Interval = TimeSpan.FromSeconds(1), Outcome = Outcome.Ok, Reading = new DemoReading(41) }],
        });
        page = new MetricsPage(store);
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
    public void The_same_snapshot_gives_the_same_bytes_to_whoever_renders_it()
    {
        byte[] first = Bytes(ExpositionFormat.Text);

        MemoryMarshal.TryGetArray(new MetricsPage(store).Get(ExpositionFormat.Text, compressed: false), out ArraySegment<byte> other);

        other.ToArray().ShouldBe(first);
    }

    [Fact]
    public void A_new_snapshot_makes_a_new_page()
    {
        byte[] before = Bytes(ExpositionFormat.Text);

        store.Update(snapshot => snapshot with { Collectors = [snapshot.Collectors[0] with { Reading = new DemoReading(42) }] });

        byte[] after = Bytes(ExpositionFormat.Text);
        MetricsText.Parse(Encoding.UTF8.GetString(before))["demo_value"].ShouldBe("41");
        MetricsText.Parse(Encoding.UTF8.GetString(after))["demo_value"].ShouldBe("42");
    }

    [Fact]
    public void A_collector_without_a_reading_writes_no_series()
    {
        store.Update(snapshot => snapshot with { Collectors = [snapshot.Collectors[0] with { Reading = null }] });

        var read = MetricsText.Of(store.Current);

        read["demo_value"].ShouldBeNull();
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

        store.Update(snapshot => snapshot with { Collectors = [snapshot.Collectors[0] with { Reading = new DemoReading(42) }] });

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
                    read["demo_value"].ShouldBe(read["demo_same"]);
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
            store.Update(snapshot => snapshot with { Collectors = [snapshot.Collectors[0] with { Reading = new DemoReading(value) }] });
            Bytes(ExpositionFormat.Text);
        }

        Volatile.Write(ref stop, 1);
        Should.CompleteIn(Task.WhenAll(readers), TimeSpan.FromSeconds(20));
        MetricsText.Of(store.Current)["demo_value"].ShouldBe($"{Snapshots - 1}");
    }

    private static byte[] Unpack(byte[] packed)
    {
        using var stream = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
        using var plain = new MemoryStream();
        stream.CopyTo(plain);
        return plain.ToArray();
    }

    private byte[] Bytes(ExpositionFormat format, bool compressed = false)
    {
        MemoryMarshal.TryGetArray(page.Get(format, compressed), out ArraySegment<byte> segment).ShouldBeTrue();
        segment.Offset.ShouldBe(0);
        segment.Count.ShouldBe(segment.Array!.Length);
        return segment.Array;
    }

    private sealed class DemoReading(ulong value) : Reading
    {
        private static readonly MetricFamily Value = MetricFamily.Gauge("demo_value", "A value.");
        private static readonly MetricFamily Same = MetricFamily.Gauge("demo_same", "The same value.");

        public override void Write(ExpositionWriter page)
        {
            page.Write(Value, value);
            page.Write(Same, value);
        }
    }
}
