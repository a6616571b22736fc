using System.Net;
using ConnExporter.Kernel;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ConnExporter.Benchmarks.Parts;

/// <summary>Pages over HTTP as the daemon sends them, by the same server in this process: made anew and compressed for each scrape.</summary>
internal sealed class PageServer : IDisposable
{
    private readonly IHost host;
    private readonly HttpConnection connection;

    /// <summary>Listens on loopback of a namespace.</summary>
    public PageServer(TestNamespace place, Func<byte[]> pack)
    {
        host = new HostBuilder()
            .ConfigureWebHost(web => web.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1)).Configure(app => app.Run(context => AnswerAsync(context, pack()))))
            .Build();
        place.Inside(() => host.StartAsync().Wait(Timeout.Infinite));
        string address = host.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        connection = HttpConnection.Open(place, new Uri(address).Port);
    }

    /// <summary>One scrape.</summary>
    /// <returns>CPU time of this process without that of the thread that asks.</returns>
    public TimeSpan Scrape()
    {
        TimeSpan own = ThreadClock.CpuTime();
        TimeSpan all = ProcessClock.Of(Environment.ProcessId);
        connection.Ask("/");
        return ProcessClock.Of(Environment.ProcessId) - all - (ThreadClock.CpuTime() - own);
    }

    public void Dispose()
    {
        connection.Dispose();
        host.StopAsync().Wait();
        host.Dispose();
    }

    private static async Task AnswerAsync(HttpContext context, byte[] body)
    {
        context.Response.ContentLength = body.Length;
        context.Response.Headers.ContentEncoding = "gzip";
        await context.Response.BodyWriter.WriteAsync(body);
    }
}
