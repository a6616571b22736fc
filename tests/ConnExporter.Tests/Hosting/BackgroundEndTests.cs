using ConnExporter.Hosting;
using ConnExporter.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ConnExporter.Tests.Hosting;

/// <summary>An end that nobody asked for is no success.</summary>
public class BackgroundEndTests
{
    [Fact]
    public async Task A_service_that_fails_ends_the_daemon_with_70_and_is_named()
    {
        var lines = new LoggedLines();

        (await RunAsync(new Failing(new InvalidOperationException("out of order")), lines, stop: false)).ShouldBe(ExitCode.Internal);

        lines.Take().ShouldContain(line => line.Contains("The service Failing failed", StringComparison.Ordinal) && line.Contains("out of order", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Want_of_memory_or_threads_is_no_defect()
    {
        var lines = new LoggedLines();

        (await RunAsync(new Failing(new InsufficientMemoryException("for a thread")), lines, stop: false)).ShouldBe(ExitCode.Internal);

        string said = lines.Take().Single(line => line.Contains("The service Failing cannot go on: no memory or no further thread", StringComparison.Ordinal));
        said.ShouldNotContain("a defect");
    }

    [Fact]
    public async Task An_end_that_was_asked_for_is_0()
    {
        var lines = new LoggedLines();

        (await RunAsync(new Waiting(), lines, stop: true)).ShouldBe(ExitCode.Ok);

        lines.Take().ShouldNotContain(line => line.Contains("failed", StringComparison.Ordinal));
    }

    private static async Task<int> RunAsync(BackgroundService service, LoggedLines lines, bool stop)
    {
        using IHost host = new HostBuilder().ConfigureServices(services => services.AddSingleton<IHostedService>(service)).Build();
        await host.StartAsync();
        if (stop)
        {
            host.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        }

        return await BackgroundEnd.WaitAsync(host, [service], lines.Log);
    }

    private sealed class Failing(Exception failure) : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            await Task.Yield();
            throw failure;
        }
    }

    private sealed class Waiting : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken)
        {
            var end = new TaskCompletionSource();
            stoppingToken.Register(end.SetResult);
            return end.Task;
        }
    }
}
