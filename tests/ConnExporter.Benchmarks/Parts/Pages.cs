using System.IO.Compression;
using ConnExporter.Benchmarks.Replaced;
using ConnExporter.Kernel;
using ConnExporter.Metrics;

namespace ConnExporter.Benchmarks.Parts;

/// <summary>What a page costs by prometheus-net, beside the writer whose place it has taken.</summary>
internal static class Pages
{
    private const int WarmUp = 300;
    private const int Counted = 100;
    private const int Judged = 5_000;
    private const double CpuTarget = 2;
    private const double BytesTarget = 1.2;
    private const double ScrapeTarget = 1.25;
    private static readonly int[] Sizes = [600, Judged];

    public static Part Part { get; } = new("pages", "Making the page", "CPU and allocations of the page, beside the writer that prometheus-net replaced", settings => TimeSpan.FromSeconds(15 + (8 * settings.Rounds)), Run);

    private static void Run(Bench bench, Section section)
    {
        section.Say(
            "In one process and one runtime, one after the other: the writer whose place prometheus-net has taken, and what stands there now. The series are those of a recorded host, more by further label sets of the same families; from page "
            + "to page a fifth of the values move and one label set in fifty is replaced by another. A scrape is a page that is made, compressed and sent over loopback by the same HTTP server; CPU of the server. "
            + $"{Counted} pages and scrapes a round, after {WarmUp} of each.");
        List<string[]> rows = [];
        foreach (int size in Sizes)
        {
            foreach (ExpositionFormat format in (ExpositionFormat[])[ExpositionFormat.Text, ExpositionFormat.OpenMetrics])
            {
                Maker before = Before(size, format);
                Maker now = Now(size, format);
                using var serverBefore = new PageServer(bench.Place, before.Pack);
                using var serverNow = new PageServer(bench.Place, now.Pack);
                (Spent, Spent, double, double) Measure(int pages) => (Render(before, pages), Render(now, pages), Scrape(serverBefore, before, pages), Scrape(serverNow, now, pages));
                Measure(WarmUp);
                string what = $"{size:N0} series, {(format == ExpositionFormat.Text ? "text 0.0.4" : "OpenMetrics")}";
                List<(Spent Before, Spent Now, double ScrapeBefore, double ScrapeNow)> rounds = bench.Rounds(what, () => Measure(Counted));
                rows.Add(
                [
                    what,
                    .. ((IEnumerable<double>[])[rounds.Select(one => one.Before.Cpu), rounds.Select(one => one.Now.Cpu), rounds.Select(one => one.ScrapeBefore), rounds.Select(one => one.ScrapeNow), rounds.Select(one => one.Before.Bytes), rounds.Select(one => one.Now.Bytes)]).Select(Section.Cell),
                ]);
                Judge(section, size, $"{what}: page, CPU ÷ before", rounds.Select(one => one.Now.Cpu / one.Before.Cpu), CpuTarget);
                Judge(section, size, $"{what}: page, bytes allocated ÷ before", rounds.Select(one => one.Now.Bytes / one.Before.Bytes), BytesTarget);
                Judge(section, size, $"{what}: scrape, CPU ÷ before", rounds.Select(one => one.ScrapeNow / one.ScrapeBefore), ScrapeTarget);
            }
        }

        section.Table(["", "page before, µs", "page now, µs", "scrape before, µs", "scrape now, µs", "page before, kB", "page now, kB"], rows);
    }

    private static void Judge(Section section, int size, string what, IEnumerable<double> ratios, double atMost)
    {
        if (size == Judged)
        {
            section.Target(what, ratios, atMost, "×");
        }
        else
        {
            section.Figure(what, ratios, "×");
        }
    }

    private static Maker Before(int size, ExpositionFormat format)
    {
        var rows = PageRows.OfRecordedHost(size);
        var writer = new OwnWriter(format);
        byte[] Make()
        {
            writer.Clear();
            rows.ForEach(row => writer.Write(row.Family, row.Value, row.Labels));
            writer.End();
            return writer.Page.ToArray();
        }

        return new Maker(rows, Make, () =>
        {
            byte[] page = Make();
            using var packed = new MemoryStream(page.Length / 6);
            using (var stream = new GZipStream(packed, CompressionLevel.Fastest))
            {
                stream.Write(page);
            }

            return packed.ToArray();
        });
    }

    private static Maker Now(int size, ExpositionFormat format)
    {
        var rows = PageRows.OfRecordedHost(size);
        var writer = new ExpositionWriter();
        ReadOnlySpan<byte> Make()
        {
            writer.Clear();
            rows.ForEach(row => writer.Write(row.Family, row.Value, row.Labels));
            writer.End();
            return writer.ToText(format);
        }

        var packer = new PagePacker();
        return new Maker(rows, () => Make().ToArray(), () => packer.Pack(Make()));
    }

    // By page: microseconds of this thread, and thousands of bytes.
    private static Spent Render(Maker maker, int pages)
    {
        long bytes = 0;
        TimeSpan cpu = TimeSpan.Zero;
        for (int i = 0; i < pages; i++)
        {
            maker.Rows.Move();
            bytes -= GC.GetAllocatedBytesForCurrentThread();
            cpu -= ThreadClock.CpuTime();
            maker.Make();
            cpu += ThreadClock.CpuTime();
            bytes += GC.GetAllocatedBytesForCurrentThread();
        }

        return new Spent(cpu.TotalMicroseconds / pages, bytes / 1000.0 / pages);
    }

    // By scrape: microseconds.
    private static double Scrape(PageServer server, Maker maker, int scrapes)
    {
        TimeSpan cpu = TimeSpan.Zero;
        for (int i = 0; i < scrapes; i++)
        {
            maker.Rows.Move();
            cpu += server.Scrape();
        }

        return cpu.TotalMicroseconds / scrapes;
    }

    /// <summary>Makes pages of rows that somebody else moves on.</summary>
    private sealed record Maker(PageRows Rows, Func<byte[]> Make, Func<byte[]> Pack);

    private readonly record struct Spent(double Cpu, double Bytes);
}
