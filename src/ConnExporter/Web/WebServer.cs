using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using ConnExporter.Configuration;
using ConnExporter.Hosting;
using ConnExporter.Sampling;
using ConnExporter.Web.Access;
using ConnExporter.Web.Connections;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Serilog;

namespace ConnExporter.Web;

/// <summary>Puts together what stands between the network and the pages: listeners, limits, TLS and passwords.</summary>
internal sealed class WebServer : IDisposable
{
    private static readonly TimeSpan HandshakePatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan WarmUpPatience = TimeSpan.FromSeconds(5);

    private readonly ExporterOptions options;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly WebCounters counters = new();
    private readonly ConnectionTable table;
    private readonly GuardedListenerFactory listeners;
    private readonly WebAccess? access;
    private readonly IReadOnlyList<int> passedOn;

    /// <summary>Reads the web configuration, if there is one.</summary>
    /// <exception cref="ConfigurationException">It cannot be used.</exception>
    /// <exception cref="AccessFilesException">What it names cannot be used.</exception>
    /// <exception cref="NoListenerException">systemd was to pass on sockets and did not.</exception>
    public WebServer(ExporterOptions options, TimeProvider time, ILogger log)
    {
        this.options = options;
        this.time = time;
        this.log = log;
        passedOn = options.Web.SystemdSocket ? SystemdSockets.Take(Environment.GetEnvironmentVariable) : [];
        access = options.Web.ConfigFile is { } file ? WebAccess.Open(file, time, log) : null;
        table = new ConnectionTable(options.Web.MaxConnections, options.Web.MaxConnectionsPerAddress, counters, time);
        listeners = new GuardedListenerFactory(table, counters, time);
    }

    /// <summary>Makes the host listen where it should, with the gate before the pages.</summary>
    public void AddTo(IWebHostBuilder builder, RequestDelegate pages)
    {
        var gate = new AccessGate(pages, access, options.Web.MaxRequests, counters, time);

        // Of the listeners the last one wins.
        builder.UseKestrelCore()
            .ConfigureKestrel(Configure)
            .ConfigureServices(services => services.AddSingleton<IConnectionListenerFactory>(listeners))
            .Configure(app => app.Run(gate.HandleAsync));
    }

    /// <summary>Starts looking after connections and files.</summary>
    public WebWatch Watch(SnapshotStore store, Logging logging) => new(table, access, counters, store, time, logging);

    /// <summary>Reads the web configuration again.</summary>
    public void Reload() => access?.Reload();

    /// <summary>Runs through everything that answers a request, once, so that nothing has to be loaded when there are no descriptors left.</summary>
    public async Task WarmUpAsync()
    {
        using var patience = new CancellationTokenSource(WarmUpPatience);
        try
        {
            await using var connection = new NetworkStream(listeners.TakeWarmUpConnection(), ownsSocket: true);
            await using Stream stream = access?.Tls is null ? connection : await HandshakeAsync(connection, patience.Token);
            string[] requests =
            [
                $"GET {options.TelemetryPath} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n",
                $"GET {options.TelemetryPath} HTTP/1.1\r\nHost: localhost\r\nAccept: application/openmetrics-text;version=1.0.0\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "HEAD /-/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "POST /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            ];
            await stream.WriteAsync(Encoding.ASCII.GetBytes(string.Concat(requests)), patience.Token);
            await stream.CopyToAsync(Stream.Null, patience.Token);
        }
        catch (Exception e) when (e is IOException or AuthenticationException or OperationCanceledException)
        {
            // Where clients need a certificate this is how it ends: we have none. Kestrel and TLS have been run through all the same.
            log.Debug("The warm-up ended early: {Failure}", e.Message);
        }

        await HoldThreadsAsync();
    }

    public void Dispose()
    {
        listeners.Dispose();
        access?.Dispose();
    }

    private static async Task<Stream> HandshakeAsync(NetworkStream connection, CancellationToken end)
    {
        // Our own certificate from our own memory: there is nothing to verify.
#pragma warning disable MA0039, CA5359
        var stream = new SslStream(connection, leaveInnerStreamOpen: false, (_, _, _, _) => true);
#pragma warning restore MA0039, CA5359
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost" }, end);
        return stream;
    }

    // All threads that the pool may have, at once; csproj says that they stay.
    private static async Task HoldThreadsAsync()
    {
        ThreadPool.GetMaxThreads(out int threads, out _);
        using var all = new CountdownEvent(threads);
        await Task.WhenAll(Enumerable.Range(0, threads).Select(_ => Task.Run(() =>
        {
            all.Signal();
            all.Wait(WarmUpPatience);
        })));
    }

    private void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowSynchronousIO = false;
        kestrel.Limits.MaxRequestBodySize = 0;
        kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
        kestrel.Limits.MaxRequestLineSize = 4 * 1024;
        kestrel.Limits.MaxRequestHeaderCount = 64;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(5);
        if (options.Web.SystemdSocket)
        {
            foreach (int descriptor in passedOn)
            {
                kestrel.ListenHandle((ulong)descriptor, Secure);
            }

            return;
        }

        foreach (ListenAddress address in options.ListenAddresses)
        {
            if (address.UnixPath is not null)
            {
                kestrel.ListenUnixSocket(address.UnixPath, Secure);
            }
            else if (address.Address is null)
            {
                kestrel.ListenAnyIP(address.Port, Secure);
            }
            else
            {
                kestrel.Listen(address.Address, address.Port, Secure);
            }
        }
    }

    private void Secure(ListenOptions listen)
    {
        listen.Protocols = HttpProtocols.Http1;
        if (access?.Tls is not null)
        {
            UseTls(listen, access);
        }
    }

    // Apart, so that nothing of TLS is loaded where there is none.
    private static void UseTls(ListenOptions listen, WebAccess access) => listen.UseHttps(new TlsHandshakeCallbackOptions
    {
        HandshakeTimeout = HandshakePatience,
        OnConnection = _ => ValueTask.FromResult(access.Tls!.Options),
    });
}
