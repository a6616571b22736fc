using ConnExporter.EndToEndTests.Support;
using Microsoft.Playwright;

namespace ConnExporter.EndToEndTests.Pages;

/// <summary>The distribution's Chromium, inside a network of a test's own. It notes every request and every complaint.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly List<string> complaints = [];
    private readonly List<string> requests = [];
    private IPlaywright playwright = null!;
    private IBrowser browser = null!;

    /// <summary>What its console said, and what failed to load.</summary>
    public IReadOnlyList<string> Complaints
    {
        get
        {
            lock (complaints)
            {
                return [.. complaints];
            }
        }
    }

    /// <summary>Every address that it asked for.</summary>
    public IReadOnlyList<string> Requests
    {
        get
        {
            lock (requests)
            {
                return [.. requests];
            }
        }
    }

    public static async Task<Browser> StartAsync(PageNetwork network)
    {
        var started = new Browser();
        string program = started.directory.Write("chromium", $"#!/bin/sh\nexec {string.Join(' ', network.Enter)} chromium \"$@\"\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        started.playwright = await Playwright.CreateAsync();
        started.browser = await started.playwright.Chromium.LaunchAsync(new() { ExecutablePath = program, Headless = true, ChromiumSandbox = false });
        return started;
    }

    /// <summary>Opens the status page, or another.</summary>
    public async Task<IPage> OpenAsync(BrowserNewContextOptions? options = null, string path = "/")
    {
        IBrowserContext context = await browser.NewContextAsync(options);
        context.Console += (_, message) => Note(complaints, message.Type is "error" or "warning" ? $"{message.Type}: {message.Text}" : null);
        context.WebError += (_, error) => Note(complaints, error.Error);
        context.RequestFailed += (_, request) => Note(complaints, request.Failure == "net::ERR_ABORTED" ? null : $"{request.Url}: {request.Failure}");
        context.Request += (_, request) => Note(requests, request.Url);
        IPage page = await context.NewPageAsync();
        await page.GotoAsync($"http://127.0.0.1:{PageDaemon.Port}{path}");
        return page;
    }

    public async ValueTask DisposeAsync()
    {
        await browser.DisposeAsync();
        playwright.Dispose();
        directory.Dispose();
    }

    private static void Note(List<string> notes, string? what)
    {
        if (what is not null)
        {
            lock (notes)
            {
                notes.Add(what);
            }
        }
    }
}
