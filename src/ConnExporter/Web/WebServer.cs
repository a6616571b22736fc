using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using ConnExporter.Configuration;
using ConnExporter.Hosting;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Metrics;
using ConnExporter.State;
using ConnExporter.Web.Access;
using ConnExporter.Web.Connections;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ILogger = Serilog.ILogger;

namespace ConnExporter.Web;

/// <summary>Puts together what stands between the network and the pages: listeners, limits, TLS and passwords.</summary>
internal sealed class WebServer : IDisposable
{
    private static readonly TimeSpan HandshakePatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan WarmUpPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LookAtFiles = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ReloadPatience = TimeSpan.FromSeconds(2);

    private readonly ExporterOptions options;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly WebCounters counters = new();
    private readonly ConnectionTable table;
    private readonly GuardedListenerFactory listeners;
    private readonly WebAccess? access;
    private readonly IReadOnlyList<int> passedOn;
    private readonly string? localSocket;
    private AskedThread? files;

    /// <summary>Reads the web configuration, if there is one.</summary>
    /// <exception cref="ConfigurationException">It cannot be used.</exception>
    /// <exception cref="AccessFilesException">What it names cannot be used.</exception>
    /// <exception cref="NoListenerException">systemd was to pass on sockets and did not.</exception>
    /// <exception cref="OperationCanceledException">It is to end already.</exception>
    public WebServer(ExporterOptions options, TimeProvider time, ILogger log, CancellationToken end)
    {
        this.options = options;
        this.time = time;
        this.log = log;
        passedOn = options.Web.SystemdSocket ? SystemdSockets.Take(Environment.GetEnvironmentVariable) : [];
        access = options.Web.ConfigFile is { } file ? WebAccess.Open(file, time, log) : null;
        table = new ConnectionTable(options.Web.MaxConnections, options.Web.MaxConnectionsPerAddress, counters, time);
        listeners = new GuardedListenerFactory(table, counters, new BindFailure(new ProcFs(options.ProcPath), log), time);
        localSocket = OpenLocal(LocalSocket.PathToServe(options.Web, Environment.GetEnvironmentVariable), end);
    }

    /// <summary>Makes the host listen where it should, with the gate before the pages.</summary>
    /// <param name="builder">The host.</param>
    /// <param name="pages">What is behind the gate.</param>
    /// <param name="durations">Where it is counted how long answers took.</param>
    public void AddTo(IWebHostBuilder builder, RequestDelegate pages, Durations durations)
    {
        var gate = new AccessGate(pages, access, options.Web.MaxRequests, counters, time);

        if (access?.Tls is not null)
        {
            builder.ConfigureLogging(logs => logs.AddProvider(new FailedHandshakes(counters, time, log)).AddFilter<FailedHandshakes>(FailedHandshakes.Category, LogLevel.Debug));
        }

        // Of the listeners the last one wins.
        builder.UseKestrelCore()
            .ConfigureKestrel(Configure)
            .ConfigureServices(services => services.AddSingleton<IConnectionListenerFactory>(listeners))
            .Configure(app => app.UseRequestDurations(durations).Run(gate.HandleAsync));
    }

    /// <summary>Starts looking after connections and files.</summary>
    /// <param name="store">Where the numbers go.</param>
    /// <param name="logging">The log.</param>
    /// <param name="reload">The thread that reads the configuration, which is looked after as well.</param>
    public WebWatch Watch(StateStore store, Logging logging, AskedThread reload)
    {
        // A disk that hangs holds the thread that looks at the files, not the one that looks after the connections.
        files = access is null ? null : new AskedThread(
            "access files",
            LookAtFiles,
            asked => LookAt(access, asked),
            () => access.Held(AskedThread.HeldAfter),
            e => log.Error(e, "Reading the web configuration failed, a defect in this program; it is tried again each second"),
            time);
        return new(table, access, counters, store, time, logging, files is null ? [reload] : [reload, files]);
    }

    /// <summary>Has the web configuration read again. Waits for that, but not for a disk that hangs.</summary>
    public void Reload() => files?.Ask().Wait(ReloadPatience);

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
        files?.Dispose();
        listeners.Dispose();
        access?.Dispose();
    }

    private static void LookAt(WebAccess access, bool asked)
    {
        if (asked)
        {
            access.Reload();
        }
        else
        {
            access.Check();
        }
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
        }

        foreach (ListenAddress address in options.Web.SystemdSocket ? [] : options.ListenAddresses)
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

        // The last: the first one serves the warm-up, which is to go the way of the scrapes.
        if (localSocket is not null)
        {
            kestrel.ListenUnixSocket(localSocket, listen => listen.Protocols = HttpProtocols.Http1);
        }
    }

    // Without it diagnose knows less; that is no reason not to run.
    private string? OpenLocal(string? path, CancellationToken end)
    {
        if (path is null)
        {
            return null;
        }

        string? why;
        var directory = TrustedDirectory.Of(Path.GetDirectoryName(path) ?? "/");
        try
        {
            why = directory.Doubt;
            if (why is null)
            {
                string real = Path.Join(directory.Path, Path.GetFileName(path));
                listeners.OpenLocal(real, end);
                return real;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            why = e.Message;
        }

        log.Warning("diagnose cannot ask this daemon by {Path}: {Failure}", path, why);
        return null;
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
    private static void UseTls(ListenOptions listen, WebAccess access)
    {
        listen.Use(next => connection =>
        {
            TrackedConnection tracked = connection.Features.Get<TrackedConnection>()!;
            new Handshake(tracked.IsTcp ? tracked.Client.ToString() : "a Unix socket", () => !tracked.IsOurs && tracked.ClosedFor is null).Begin();
            return next(connection);
        });
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            HandshakeTimeout = HandshakePatience,
            OnConnection = _ =>
            {
                Handshake.Current?.HasBegun = true;
                return ValueTask.FromResult(access.Tls!.Options);
            },
        });
    }
}
