using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Access;

/// <summary>Names and passwords: who is let in, and what guessing does to the others.</summary>
public sealed class PasswordTests : IDisposable
{
    // bcrypt of "secret".
    private const string Cost4 = "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
    private const string Cost10 = "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u";
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("alice", "secret", true)]
    [InlineData("alice", "Secret", false)]
    [InlineData("alice", "", false)]
    [InlineData("alice", "secret\0", false)]
    [InlineData("bob", "secret", false)]
    [InlineData("", "secret", false)]
    public async Task Every_path_asks_for_name_and_password(string user, string password, bool letIn)
    {
        await using Daemon daemon = await StartAsync($"{{alice: '{Cost4}'}}");
        using HttpClient client = Daemon.NewClient(daemon.Addresses[0]).As(user, password);

        foreach (string path in new[] { "/metrics", "/", "/-/healthy" })
        {
            (await client.StatusAsync(path)).ShouldBe(letIn ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, path);
            using HttpResponseMessage without = await daemon.Client.GetAsync(path);
            without.StatusCode.ShouldBe(HttpStatusCode.Unauthorized, path);
            without.Headers.WwwAuthenticate.ToString().ShouldBe("Basic");
        }

        (await client.StatusAsync("/nothing")).ShouldBe(letIn ? HttpStatusCode.NotFound : HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Guessing_is_slowed_down_and_the_right_password_never_waits_behind_it()
    {
        await using Daemon daemon = await StartAsync($"{{alice: '{Cost10}'}}");
        using HttpClient right = Daemon.NewClient(daemon.Addresses[0]).As("alice", "secret");
        (await right.StatusAsync("/metrics")).ShouldBe(HttpStatusCode.OK);
        using var end = new CancellationTokenSource();

        // From the same address, so that nothing but the password tells them apart.
        var answers = new ConcurrentQueue<HttpStatusCode>();
        Task[] guessers = [.. Enumerable.Range(0, 8).Select(guesser => GuessAsync(daemon, guesser, answers, end.Token))];
        TimeSpan slowest = TimeSpan.Zero;
        for (int scrape = 0; scrape < 200 || answers.Count(answer => answer == HttpStatusCode.TooManyRequests) < 100; scrape++)
        {
            var clock = Stopwatch.StartNew();
            (await right.StatusAsync("/metrics")).ShouldBe(HttpStatusCode.OK);
            slowest = clock.Elapsed > slowest ? clock.Elapsed : slowest;
        }

        await end.CancelAsync();
        await Task.WhenAll(guessers);
        slowest.ShouldBeLessThan(TimeSpan.FromSeconds(1));
        answers.ShouldAllBe(answer => answer == HttpStatusCode.Unauthorized || answer == HttpStatusCode.TooManyRequests);
        answers.Count(answer => answer == HttpStatusCode.Unauthorized).ShouldBeLessThan(30, "most are not even hashed");
        await Eventually.Holds(async () =>
            Page.Parse(await right.GetStringAsync("/metrics"))["conn_exporter_requests_refused_total", ("reason", "guessing")].ShouldBe(answers.Count(answer => answer == HttpStatusCode.TooManyRequests)));
    }

    [Fact]
    public async Task Users_come_and_go_while_it_runs()
    {
        await using Daemon daemon = await StartAsync($"{{alice: '{Cost4}'}}");
        using HttpClient alice = Daemon.NewClient(daemon.Addresses[0]).As("alice", "secret");
        using HttpClient bob = Daemon.NewClient(daemon.Addresses[0]).As("bob", "secret");
        (await alice.StatusAsync("/metrics")).ShouldBe(HttpStatusCode.OK);

        directory.Write("web.yml", $"basic_auth_users: {{bob: '{Cost4}'}}\n");

        await Eventually.Holds(async () => (await alice.StatusAsync("/metrics")).ShouldBe(HttpStatusCode.Unauthorized, "what was right once is forgotten with the user"));
        (await bob.StatusAsync("/metrics")).ShouldBe(HttpStatusCode.OK);

        directory.Write("web.yml", "basic_auth_users: {bob: nonsense}\n");
        await Eventually.Holds(async () => Page.Parse(await bob.GetStringAsync("/metrics"))["conn_exporter_web_config_last_reload_successful"].ShouldBe(0));
        (await alice.StatusAsync("/metrics")).ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Headers_are_added_and_requests_limited_as_the_file_says()
    {
        string file = directory.Write("web.yml", "http_server_config: {headers: {X-Frame-Options: deny, Strict-Transport-Security: max-age=9}}\nrate_limit: {interval: 1h, burst: 3}\n");
        await using Daemon daemon = await Daemon.StartAsync($"--web.config.file={file}");

        foreach (HttpStatusCode expected in new[] { HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests })
        {
            using HttpResponseMessage answer = await daemon.Client.GetAsync("/-/healthy");
            answer.StatusCode.ShouldBe(expected);
            answer.Headers.GetValues("X-Frame-Options").ShouldBe(["deny"]);
            answer.Headers.GetValues("Strict-Transport-Security").ShouldBe(["max-age=9"]);
            answer.Headers.RetryAfter?.Delta.ShouldNotBeNull().ShouldBeGreaterThan(TimeSpan.FromMinutes(50));
        }
    }

    private static async Task GuessAsync(Daemon daemon, int guesser, ConcurrentQueue<HttpStatusCode> answers, CancellationToken end)
    {
        for (int guess = 0; !end.IsCancellationRequested; guess++)
        {
            using HttpClient client = Daemon.NewClient(daemon.Addresses[0], TimeSpan.FromMinutes(1)).As(guesser % 2 == 0 ? "alice" : "nobody", $"{guesser}-{guess}");
            using HttpResponseMessage answer = await client.GetAsync("/metrics", CancellationToken.None);
            answers.Enqueue(answer.StatusCode);
        }
    }

    private Task<Daemon> StartAsync(string users) => Daemon.StartAsync($"--web.config.file={directory.Write("web.yml", $"basic_auth_users: {users}\n")}", "--collector.disable-defaults", "--collector.self");
}
