using System.Globalization;
using ConnExporter.EndToEndTests.Support;
using Xunit.Abstractions;

namespace ConnExporter.EndToEndTests.Access;

/// <summary>The published file, which has eight threads for answers: whatever clients make it wait for, a scrape does not wait.</summary>
[Collection(OneAtATime.Name)]
public sealed class StarvedPoolTests(PublishedProgram program, ITestOutputHelper output) : IDisposable
{
    // bcrypt of "secret".
    private const string Hash = "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u";
    private const int Scrapes = 100;
    private static readonly TimeSpan FastEnough = TimeSpan.FromMilliseconds(100);
    private static readonly string Authorization = $"Authorization: {SecureClient.Basic("prometheus", "secret")}\r\n";

    private readonly TemporaryDirectory directory = new();
    private readonly TemporaryDirectory records = new();

    public void Dispose()
    {
        directory.Dispose();
        records.Dispose();
    }

    // A FIFO is a file that nobody ever writes: open() does not return. The disk that hangs altogether is another test.
    [Theory]
    [InlineData(50, 0, 0)]
    [InlineData(0, 40, 0)]
    [InlineData(0, 0, 40)]
    [InlineData(50, 40, 40)]
    public async Task A_scrape_waits_for_nobody(int browsers, int guessers, int readers)
    {
        string access = directory.Write("web.yml", $"basic_auth_users: {{prometheus: '{Hash}'}}\n");
        await using Daemon daemon = await StartAsync($"--web.config.file={access}");
        var scraper = new Scraper(daemon, Authorization);
        await scraper.ScrapeAsync(5);
        int threads = Threads(daemon);
        LibC.MakeFifo(records["incident-20261120T214751Z-001.0001.begin.critical.json"]);

        TimeSpan slowest;
        await using (var clients = new HostileClients(daemon, Authorization))
        {
            clients.Browse("/incidents", browsers).Guess(guessers).ReadSlowly("/metrics", readers);
            await Task.Delay(TimeSpan.FromSeconds(2));
            slowest = await scraper.SlowestAsync(Scrapes, FastEnough);
            Threads(daemon).ShouldBeLessThanOrEqualTo(threads, "no thread is added for those who wait");
            output.WriteLine($"{browsers} browsers, {guessers} guesses a second, {readers} slow readers: the slowest of {Scrapes} scrapes took {slowest.TotalMilliseconds:F0} ms");
        }

        slowest.ShouldBeLessThan(FastEnough);
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0, daemon.Log);
    }

    [Theory]
    [InlineData("/incidents")]
    [InlineData("/api/v1/page")]
    [InlineData("/metrics")]
    [InlineData("/-/healthy")]
    public async Task Fifty_requests_at_once_on_one_connection_do_not_keep_the_others_waiting(string path)
    {
        await using Daemon daemon = await StartAsync();
        LibC.MakeFifo(records["incident-20261120T214751Z-001.0001.begin.critical.json"]);
        await using var clients = new HostileClients(daemon);
        clients.Pipeline(path, requests: 50, number: 10);
        await Task.Delay(TimeSpan.FromSeconds(2));

        TimeSpan slowest = await new Scraper(daemon).SlowestAsync(Scrapes, FastEnough);

        output.WriteLine($"{path}: the slowest of {Scrapes} scrapes took {slowest.TotalMilliseconds:F0} ms");
        slowest.ShouldBeLessThan(FastEnough);
    }

    private static int Threads(Daemon daemon) => int.Parse(
        File.ReadLines($"/proc/{daemon.ProcessId}/status").Single(line => line.StartsWith("Threads:", StringComparison.Ordinal)).Split('\t')[1], CultureInfo.InvariantCulture);

    private async Task<Daemon> StartAsync(params string[] flags)
    {
        Daemon daemon = await Daemon.StartAsync(new Launch([.. flags, "--netns=host", $"--recorder.path={records.Path}"]) { Published = await program.FileAsync() });
        await Eventually.Holds(() => daemon.Log.ShouldContain("listens on"));
        return daemon;
    }
}
