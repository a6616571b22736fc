using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using ConnExporter.EndToEndTests.Support;
using Microsoft.Playwright;

namespace ConnExporter.EndToEndTests.Pages;

/// <summary>The status page of a real daemon in a real browser. With SCREENSHOTS=DIRECTORY it leaves pictures there.</summary>
[Collection(OneAtATime.Name)]
public class StatusPageTests
{
    private const string TopOfResources = "() => Math.round(document.querySelector('#part-resources h2').getBoundingClientRect().top)";
    private const string Enter = "nsenter";

    // The looks that people have: a desk by day and by night, a telephone by day and by night.
    private static readonly (string Name, BrowserNewContextOptions Options)[] Looks =
    [
        ("desktop-light", new() { ViewportSize = new() { Width = 1360, Height = 900 }, ColorScheme = ColorScheme.Light, Locale = "en-GB" }),
        ("desktop-dark", new() { ViewportSize = new() { Width = 1360, Height = 900 }, ColorScheme = ColorScheme.Dark, Locale = "en-GB" }),
        ("phone-light", new() { ViewportSize = new() { Width = 360, Height = 740 }, ColorScheme = ColorScheme.Light, Locale = "zh-CN", HasTouch = true }),
        ("phone-dark", new() { ViewportSize = new() { Width = 360, Height = 740 }, ColorScheme = ColorScheme.Dark, Locale = "en-GB", HasTouch = true }),
    ];

    public static TheoryData<string, string?> States => new()
    {
        { "healthy", null },
        { "ports", "ephemeral_ports_exhausting" },
        { "accept", "accept_queue_overflowing" },
        { "close-wait", "close_wait_leak" },
    };

    [TheoryThatNeeds(Need.Root, Need.Chromium, Need.Axe, Need.Ip, Enter)]
    [MemberData(nameof(States))]
    public async Task Every_state_is_shown_on_every_screen_for_everybody_and_asks_nobody_else(string state, string? finding)
    {
        using var network = new PageNetwork();
        Provoke(network, state);
        await using PageDaemon daemon = await PageDaemon.StartAsync(
            network, "--diagnosis.close-wait-warning=50", "--diagnosis.close-wait-critical=500", "--diagnosis.close-wait-age=1s");
        using var knocking = new Timer(_ => network.Knock(8443), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        if (state == "accept")
        {
            knocking.Change(TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(500));
        }

        if (finding is not null)
        {
            await daemon.FindsAsync(finding);
        }

        await using Browser browser = await Browser.StartAsync(network);
        foreach ((string look, BrowserNewContextOptions options) in Looks)
        {
            IPage page = await browser.OpenAsync(options);
            (await page.Locator("h1").CountAsync()).ShouldBe(1);
            (await page.Locator(".finding .meta > code").AllInnerTextsAsync()).Contains(finding ?? "ephemeral_ports_exhausting").ShouldBe(finding is not null);
            (await Overflow(page)).ShouldBeLessThanOrEqualTo(0, $"{look}: nothing is wider than the screen");
            (await Violations(page)).ShouldBeEmpty(look);
            await Picture(page, $"{state}-{look}");
            await page.Context.CloseAsync();
        }

        browser.Complaints.ShouldBeEmpty();
        browser.Requests.ShouldAllBe(url => url.StartsWith($"http://127.0.0.1:{PageDaemon.Port}/", StringComparison.Ordinal));
    }

    [FactThatNeeds(Need.Root, Need.Chromium, Need.Ip, Enter)]
    public async Task Bars_numbers_and_order_are_those_of_the_JSON_and_of_the_metrics()
    {
        using var network = new PageNetwork();
        Provoke(network, "ports");
        await using PageDaemon daemon = await PageDaemon.StartAsync(network);
        await daemon.FindsAsync("ephemeral_ports_exhausting");
        await using Browser browser = await Browser.StartAsync(network);
        IPage page = await browser.OpenAsync(new() { JavaScriptEnabled = false });

        // Of one report: what lies between two documents with the same time is of that time too.
        await Eventually.Holds(async () =>
        {
            await page.ReloadAsync();
            JsonElement diagnosis = await daemon.ReadAsync("/api/v1/diagnosis");
            var metrics = Page.Parse(await daemon.GetAsync("/metrics"));
            JsonElement after = await daemon.ReadAsync("/api/v1/diagnosis");
            DateTimeOffset at = diagnosis.GetProperty("at").GetDateTimeOffset();
            after.GetProperty("at").GetDateTimeOffset().ShouldBe(at);
            DateTimeOffset.Parse((await page.Locator(".verdict time").GetAttributeAsync("datetime"))!, CultureInfo.InvariantCulture).ShouldBe(at, TimeSpan.FromMilliseconds(1));

            JsonElement[] resources = [.. diagnosis.GetProperty("resources").EnumerateArray()];
            string[] shown = await page.Locator(".resources > li > .resource").EvaluateAllAsync<string[]>("""
                rows => rows.map(row => [row.dataset.resource, row.dataset.instance, row.dataset.netns, row.dataset.ratio, row.querySelector('.bar rect').getAttribute('width'),
                    ...['used', 'limit', 'peak'].map(name => row.querySelector('.' + name).lastChild.data.replaceAll(',', ''))].join('|'))
                """);
            shown.ShouldBe(resources.Select(Expected));
            foreach (JsonElement resource in resources)
            {
                (string, string)[] labels = [("resource", resource.GetProperty("resource").GetString()!), ("netns", resource.GetProperty("netns").GetString()!)];
                metrics["conn_resource_used_ratio", labels].ShouldBe(resource.GetProperty("used_ratio").GetDouble(), 1e-12);
                metrics["conn_resource_peak_ratio", labels].ShouldBe(resource.GetProperty("peak_ratio").GetDouble(), 1e-12);
            }

            (await page.Locator(".finding .meta > code").AllInnerTextsAsync()).ShouldBe(diagnosis.GetProperty("findings").EnumerateArray().Select(one => one.GetProperty("finding").GetString()!));
            metrics["conn_finding", ("finding", "ephemeral_ports_exhausting"), ("severity", "critical"), ("netns", "self")].ShouldBe(1);
        });
    }

    [FactThatNeeds(Need.Root, Need.Chromium, Need.Ip, Enter)]
    public async Task It_is_live_and_what_the_reader_did_to_it_stays()
    {
        using var network = new PageNetwork();
        Socket listener = network.Listen(8443, 128);
        network.Connect(listener);
        await using PageDaemon daemon = await PageDaemon.StartAsync(network);
        await using Browser browser = await Browser.StartAsync(network);
        IPage page = await browser.OpenAsync(new() { ViewportSize = new() { Width = 1360, Height = 500 } });
        ILocator row = page.Locator("table[data-table=listeners] tr", new() { HasText = "127.0.0.1:8443" });
        ILocator established = row.Locator("td").Nth(7);
        (await established.InnerTextAsync()).ShouldBe("1");

        await page.Keyboard.PressAsync("/");
        await page.Keyboard.TypeAsync("127.0.0.1");
        await page.Locator("table[data-table=listeners] th button", new() { HasText = "listener" }).ClickAsync();
        await page.Locator("table[data-table=listeners] th button", new() { HasText = "listener" }).ClickAsync();
        await page.Locator("details[data-k=more] summary").First.ClickAsync();
        await page.EvaluateAsync("""
            () => {
              document.querySelector('table[data-table=listeners]').mine = true;
              window.scrollTo(0, 300);
              getSelection().selectAllChildren(document.querySelector('#part-resources h2'));
            }
            """);
        int top = await page.EvaluateAsync<int>(TopOfResources);
        string[] order = [.. await page.Locator("table[data-table=listeners] tbody tr td:first-child").AllInnerTextsAsync()];
        for (int i = 0; i < 5; i++)
        {
            network.Connect(listener);
        }

        await Eventually.Holds(async () => (await established.InnerTextAsync()).ShouldBe("6"));

        (await page.EvaluateAsync<bool>("() => document.querySelector('table[data-table=listeners]').mine")).ShouldBeTrue("it is the same table, not a new one");
        (await page.EvaluateAsync<int>(TopOfResources)).ShouldBeInRange(top - 1, top + 1, "what the reader reads stays where it is, whatever appears above it");
        (await page.EvaluateAsync<string>("() => getSelection().toString()")).ShouldBe("Resources");
        (await page.Locator("#live").InnerTextAsync()).ShouldContain("held");
        (await page.Locator("details[data-k=more]").First.GetAttributeAsync("open")).ShouldNotBeNull();
        (await page.Locator("#filter").InputValueAsync()).ShouldBe("127.0.0.1");
        (await page.Locator("table[data-table=collectors] tbody tr:visible").CountAsync()).ShouldBe(0, "no collector is called so");
        (await page.Locator("table[data-table=listeners] th[aria-sort=descending]").CountAsync()).ShouldBe(1);
        (await page.Locator("table[data-table=listeners] tbody tr td:first-child").AllInnerTextsAsync()).ShouldBe(order);

        await page.EvaluateAsync("() => getSelection().removeAllRanges()");
        await Eventually.Holds(async () => (await page.Locator("#live").InnerTextAsync()).ShouldBe("live"));
        browser.Complaints.ShouldBeEmpty();
    }

    [FactThatNeeds(Need.Root, Need.Chromium, Need.Ip, Enter)]
    public async Task It_says_so_when_the_daemon_answers_no_more_and_goes_on_when_it_does_again()
    {
        using var network = new PageNetwork();
        await using Browser browser = await Browser.StartAsync(network);
        IPage page;
        await using (PageDaemon daemon = await PageDaemon.StartAsync(network))
        {
            page = await browser.OpenAsync(new() { Locale = "en-GB" });
        }

        await Eventually.Holds(async () => (await page.Locator("#live").InnerTextAsync()).ShouldStartWith("no answer since 20"));

        await using PageDaemon again = await PageDaemon.StartAsync(network);
        await Eventually.Holds(async () => (await page.Locator("#live").InnerTextAsync()).ShouldBe("live"));
    }

    [FactThatNeeds(Need.Root, Need.Chromium, Need.Ip, Enter)]
    public async Task Without_a_script_everything_is_there()
    {
        using var network = new PageNetwork();
        Provoke(network, "ports");
        await using PageDaemon daemon = await PageDaemon.StartAsync(network);
        await daemon.FindsAsync("ephemeral_ports_exhausting");
        await using Browser browser = await Browser.StartAsync(network);
        IPage page = await browser.OpenAsync(new() { JavaScriptEnabled = false, Locale = "en-GB" });

        (await page.Locator("h1").InnerTextAsync()).ShouldContain("127.0.0.1:8443");
        (await page.Locator(".finding .evidence li").CountAsync()).ShouldBeGreaterThan(0);
        (await page.Locator(".finding .remedies li").CountAsync()).ShouldBeGreaterThan(0);
        (await page.Locator(".spark").CountAsync()).ShouldBeGreaterThan(3);
        (await page.Locator("table[data-table=destinations] tbody tr", new() { HasText = "127.0.0.1:8443" }).CountAsync()).ShouldBe(1);
        (await page.Locator(".needs-js:visible").CountAsync()).ShouldBe(0);
        (await page.ContentAsync()).ShouldContain("http-equiv=\"refresh\"");
    }

    [FactThatNeeds(Need.Root, Need.Chromium, Need.Ip, Enter, "bash")]
    public async Task A_process_may_call_itself_what_it_likes()
    {
        using var network = new PageNetwork();
        using var programs = new TemporaryDirectory();
        using Process markup = Hoard(programs, "<script>alert(1");
        using Process lines = Hoard(programs, "two\nlines");
        try
        {
            await using PageDaemon daemon = await PageDaemon.StartAsync(network);
            await daemon.FindsAsync("process_descriptors_exhausting");
            await using Browser browser = await Browser.StartAsync(network);
            IPage page = await browser.OpenAsync();
            bool asked = false;
            page.Dialog += (_, dialog) =>
            {
                asked = true;
                _ = dialog.DismissAsync();
            };

            ILocator names = page.Locator("table[data-table=processes] tbody td:first-child");
            await Eventually.Holds(async () =>
            {
                IReadOnlyList<string> shown = await names.AllInnerTextsAsync();
                shown.ShouldContain("<script>alert(1");
                shown.ShouldContain("two\\nlines", "as an escape, on one line");
            });
            (await page.Locator("script").CountAsync()).ShouldBe(1, "ours alone");
            await Eventually.Holds(() => browser.Requests.Count(url => url.Contains("/api/v1/page", StringComparison.Ordinal)).ShouldBeGreaterThan(1));
            asked.ShouldBeFalse();
            browser.Complaints.ShouldBeEmpty();
        }
        finally
        {
            markup.Kill(entireProcessTree: true);
            lines.Kill(entireProcessTree: true);
        }
    }

    private static void Provoke(PageNetwork network, string state)
    {
        switch (state)
        {
            case "healthy":
                Socket idle = network.Listen(8443, 128);
                for (int i = 0; i < 12; i++)
                {
                    network.Connect(idle);
                }

                break;
            case "ports":
                network.Set("net/ipv4/ip_local_port_range", "40000 40199");
                Socket busy = network.Listen(8443, 512);
                for (int i = 0; i < 194; i++)
                {
                    network.Connect(busy);
                }

                break;
            case "accept":
                network.Listen(8443, 8);
                for (int i = 0; i < 12; i++)
                {
                    network.Knock(8443);
                }

                break;
            default:
                Socket leaking = network.Listen(8443, 128);
                for (int i = 0; i < 80; i++)
                {
                    network.Connect(leaking).Client.Dispose();
                }

                break;
        }
    }

    // A process with almost all the descriptors it may have, under a name of its choice: that of the file it was started from.
    private static Process Hoard(TemporaryDirectory programs, string name)
    {
        File.CreateSymbolicLink(programs[name], "/bin/bash");
        return Process.Start(new ProcessStartInfo(programs[name], ["-c", "ulimit -n 64; for i in {10..62}; do eval \"exec $i</dev/null\"; done; read"]) { UseShellExecute = false, RedirectStandardInput = true })!;
    }

    private static Task<int> Overflow(IPage page) => page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - document.documentElement.clientWidth");

    private static async Task<string[]> Violations(IPage page)
    {
        await page.EvaluateAsync(await File.ReadAllTextAsync(Need.AxeScript));
        return await page.EvaluateAsync<string[]>("""
            async () => (await axe.run()).violations
                .filter(one => ['moderate', 'serious', 'critical'].includes(one.impact))
                .map(one => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map(node => node.html.slice(0, 200)).join(' | ')}`)
            """);
    }

    private static async Task Picture(IPage page, string name)
    {
        if (Environment.GetEnvironmentVariable("SCREENSHOTS") is { Length: > 0 } directory)
        {
            await page.ScreenshotAsync(new() { Path = Path.Join(directory, name + ".png"), FullPage = true });
        }
    }

    private static string Expected(JsonElement resource)
    {
        JsonElement worst = resource.GetProperty("instances")[0];
        double ratio = worst.GetProperty("used_ratio").GetDouble();
        return string.Join('|', [
            resource.GetProperty("resource").GetString()!, worst.GetProperty("instance").GetString()!, resource.GetProperty("netns").GetString()!, ratio.ToString("R", CultureInfo.InvariantCulture),
            (Math.Min(ratio, 1) * 100).ToString("0.####", CultureInfo.InvariantCulture), Amount("used"), Amount("limit"), Amount("peak"),
        ]);

        string Amount(string name) => ((ulong)worst.GetProperty(name).GetDouble()).ToString(CultureInfo.InvariantCulture);
    }
}
