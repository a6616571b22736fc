using System.Net.Sockets;
using System.Text;
using ConnExporter.Metrics;
using ConnExporter.Tests.Support;
using ConnExporter.Web;
using ConnExporter.Web.Connections;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace ConnExporter.Tests.Web;

public sealed class RequestDurationsTests : IDisposable
{
    private readonly MetricRegistry registry = new();
    private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly ServiceProvider services = new ServiceCollection().BuildServiceProvider();
    private readonly RequestDelegate app;
    private Func<HttpContext, Task> answer = _ => Task.CompletedTask;

    public RequestDurationsTests()
    {
        var builder = new ApplicationBuilder(services);
        builder.UseRequestDurations(new Durations(registry)).Run(context => answer(context));
        app = builder.Build();
    }

    public void Dispose()
    {
        socket.Dispose();
        services.Dispose();
    }

    [Fact]
    public async Task Answers_are_counted_by_their_status()
    {
        await Ask("GET");
        await Ask("HEAD");
        answer = context => Task.FromResult(context.Response.StatusCode = 404);
        await Ask("GET");

        Counts().ShouldBe(["200 2", "404 1"]);
    }

    [Fact]
    public async Task Sixty_methods_that_nobody_knows_add_no_series()
    {
        await Ask("GET");
        int before = Page().Series.Count;
        for (int i = 0; i < 60; i++)
        {
            await Ask($"METHOD{i}", path: $"/{i}");
        }

        Page().Series.Count.ShouldBe(before);
        Counts().ShouldBe(["200 61"]);
        Page().Families.Select(family => family.Name).ShouldBe(["conn_exporter_request_duration_seconds", "conn_collector_sample_duration_seconds"], "and nothing of the library's own");
    }

    [Fact]
    public async Task The_warm_up_is_not_counted()
    {
        await Ask("GET", isOurs: true);

        Page().Series.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_defect_counts_as_what_the_client_is_told()
    {
        answer = _ => throw new InvalidOperationException("a defect");

        await Should.ThrowAsync<InvalidOperationException>(() => Ask("GET"));

        Counts().ShouldBe(["500 1"]);
    }

    private async Task Ask(string method, string path = "/metrics", bool isOurs = false)
    {
        var context = new DefaultHttpContext { RequestServices = services };
        context.Request.Method = method;
        context.Request.Path = path;
        context.Features.Set(new TrackedConnection(new DefaultConnectionContext(), socket, ClientKey.Of(null), isTcp: true, isOurs, now: 0));
        await app(context);
    }

    private IEnumerable<string> Counts() => Page().Of("conn_exporter_request_duration_seconds_count");

    private MetricsText Page() => MetricsText.Parse(Encoding.UTF8.GetString(registry.ToText(ExpositionFormat.Text)));
}
