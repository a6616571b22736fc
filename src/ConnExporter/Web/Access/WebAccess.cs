using System.Collections.Immutable;
using ConnExporter.Configuration;
using ConnExporter.Kernel;
using Serilog;

namespace ConnExporter.Web.Access;

/// <summary>
/// The web configuration in force, with the certificates it names. It is looked at again when a file has changed, and replaced whole: what
/// cannot be used leaves the old one in force, certificate and key included.
/// </summary>
internal sealed class WebAccess : IDisposable
{
    // A file that could not be read for want of a descriptor looks the same when there are descriptors again.
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LogAfter = TimeSpan.FromMinutes(1);

    private readonly string path;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly Lock gate = new();
    private readonly Passwords passwords;
    private ImmutableArray<FileStamp> stamps;
    private (string Message, long At)? logged;
    private long triedAt;
    private volatile State state;

    private WebAccess(string path, TimeProvider time, ILogger log, WebConfig config, TlsMaterial? tls, ImmutableArray<FileStamp> stamps)
    {
        this.path = path;
        this.time = time;
        this.log = log;
        this.stamps = stamps;
        state = new State(config, tls, LastLoadOk: true);

        // Its thread is started now or never: under pressure there may be none to be had.
        passwords = new Passwords(time, log);
        passwords.Use(config.Users);
    }

    /// <summary>The configuration in force.</summary>
    public WebConfig Config => state.Config;

    /// <summary>What handshakes need; null for plain HTTP.</summary>
    public TlsMaterial? Tls => state.Tls;

    /// <summary>Whether what is in force is what the files say.</summary>
    public bool LastLoadOk => state.LastLoadOk;

    /// <summary>Who checks passwords.</summary>
    public Passwords Passwords => passwords;

    /// <summary>Reads everything for the first time.</summary>
    /// <exception cref="ConfigurationException">The file cannot be used.</exception>
    /// <exception cref="AccessFilesException">What it names cannot be used.</exception>
    public static WebAccess Open(string path, TimeProvider time, ILogger log)
    {
        var first = FileStamp.Of(path);
        WebConfig config = WebConfigFile.Read(path);

        // Looked at before they are read: what changes meanwhile is seen as a change later.
        ImmutableArray<FileStamp> seen = [first, .. FilesOf(config).Select(FileStamp.Of)];
        return new WebAccess(path, time, log, config, config.Tls is null ? null : LoadFirst(config.Tls), seen);
    }

    /// <summary>The files are being read and do not come: what is in force may not be the newest.</summary>
    /// <param name="duration">For how long.</param>
    public void Held(TimeSpan duration)
    {
        state = state with { LastLoadOk = false };
        log.Error("The web configuration cannot be read again, the disk has not answered for {Seconds} s; the old one stays in force: {Path}", duration.TotalSeconds, path);
    }

    /// <summary>Reads everything again if a file has changed, or the last time failed a while ago. For one thread, which a disk that hangs may hold.</summary>
    public void Check()
    {
        lock (gate)
        {
            bool changed = !stamps.SequenceEqual([FileStamp.Of(path), .. FilesOf(state.Config).Select(FileStamp.Of)]);
            if (changed || (!state.LastLoadOk && time.GetElapsedTime(triedAt) > RetryAfter))
            {
                Reload();
            }
        }
    }

    /// <summary>Reads everything again. For the same thread.</summary>
    public void Reload()
    {
        lock (gate)
        {
            triedAt = time.GetTimestamp();
            State before = state;

            // The files of the configuration in force; where the newer one names others, they are the ones read.
            stamps = [FileStamp.Of(path), .. FilesOf(before.Config).Select(FileStamp.Of)];
            try
            {
                WebConfig config = WebConfigFile.Read(path);
                if ((config.Tls is null) != (before.Config.Tls is null))
                {
                    throw new ConfigurationException($"{path}: to {(config.Tls is null ? "stop" : "begin")} speaking TLS takes a restart");
                }

                ImmutableArray<FileStamp> read = [stamps[0], .. FilesOf(config).Select(FileStamp.Of)];
                TlsMaterial? tls = config.Tls is null ? null : TlsMaterial.Load(config.Tls);
                passwords.Use(config.Users);
                stamps = read;
                state = new State(config, tls, LastLoadOk: true);
                logged = null;
                log.Information("The web configuration {Path} was read again and is in force", path);
            }
            catch (Exception e) when (e is ConfigurationException or AccessFilesException)
            {
                state = before with { LastLoadOk = false };
                if (logged?.Message != e.Message || time.GetElapsedTime(logged.Value.At) > LogAfter)
                {
                    logged = (e.Message, time.GetTimestamp());
                    log.Error("The web configuration was read again and cannot be used; the old one stays in force: {Failure}", e.Message);
                }
            }
            catch
            {
                // A defect, which the thread tells of; what is in force is not the newest all the same.
                state = before with { LastLoadOk = false };
                throw;
            }
        }
    }

    public void Dispose() => passwords.Dispose();

    private static TlsMaterial LoadFirst(TlsConfig tls) => TlsLibrary.IsThere
        ? TlsMaterial.Load(tls)
        : throw new AccessFilesException($"{tls.Certificate.Place}: TLS needs OpenSSL, libssl.so.3 or libssl.so.1.1, which is not on this host");

    private static IEnumerable<string> FilesOf(WebConfig config) => config.Tls is not { } tls
        ? []
        : new[] { tls.Certificate.Path, tls.Key.Path, tls.ClientAuthority?.Path }.Where(file => file is not null).Select(file => file!);

    /// <summary>What is in force, replaced whole.</summary>
    private sealed record State(WebConfig Config, TlsMaterial? Tls, bool LastLoadOk);
}
