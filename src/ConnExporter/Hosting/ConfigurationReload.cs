using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Incidents;
using ConnExporter.Sampling;
using ConnExporter.State;
using Serilog;

namespace ConnExporter.Hosting;

/// <summary>Reads the configuration again and takes up what can change while running; a bad one leaves the old one in force.</summary>
internal sealed class ConfigurationReload
{
    private readonly ConfigurationSources sources;
    private readonly Sampler sampler;
    private readonly Diagnostician diagnostician;
    private readonly FlightRecorder? recorder;
    private readonly StateStore store;
    private readonly SystemdNotifier systemd;
    private readonly Logging logging;
    private readonly TimeProvider time;
    private readonly Lock gate = new();

    // Whether the newest reload is still being read.
    private readonly Lock judging = new();
    private ExporterOptions inForce;
    private bool isReading;

    public ConfigurationReload(ConfigurationSources sources, ExporterOptions inForce, Sampler sampler, Diagnostician diagnostician, FlightRecorder? recorder, StateStore store, SystemdNotifier systemd, Logging logging, TimeProvider time)
    {
        this.sources = sources;
        this.inForce = inForce;
        this.sampler = sampler;
        this.diagnostician = diagnostician;
        this.recorder = recorder;
        this.store = store;
        this.systemd = systemd;
        this.logging = logging;
        this.time = time;
    }

    /// <summary>The configuration is being read and does not come: what is in force may not be the newest.</summary>
    /// <param name="duration">For how long.</param>
    public void Held(TimeSpan duration)
    {
        lock (judging)
        {
            if (isReading)
            {
                store.Update(state => state with { Configuration = state.Configuration with { LastReloadOk = false } });
                logging.Logger.Error("The configuration cannot be read again, the disk has not answered for {Seconds} s; the old one stays in force", duration.TotalSeconds);
            }
        }
    }

    /// <summary>Reloads once; the log and two metrics tell how it ended. For a thread that a disk may hold.</summary>
    public void Run()
    {
        ILogger log = logging.Logger;
        lock (gate)
        {
            systemd.Reloading();
            try
            {
                ExporterOptions wanted = Load();
                foreach (string key in NeedRestart(wanted))
                {
                    log.Warning("A change of {Key} takes a restart; the old value stays in force", key);
                }

                sampler.Apply(wanted);
                diagnostician.Thresholds = wanted.Thresholds;
                if (recorder is not null)
                {
                    recorder.Options = wanted.Recorder;
                }

                logging.SetLevel(wanted.LogLevel);
                inForce = inForce with { Collectors = wanted.Collectors, Namespaces = wanted.Namespaces, Thresholds = wanted.Thresholds, Recorder = wanted.Recorder with { Path = inForce.Recorder.Path }, LogLevel = wanted.LogLevel };
                store.Update(state => state with { Configuration = new ConfigurationState(LastReloadOk: true, time.GetUtcNow()) });
                log.Information("The configuration was read again and is in force");
            }
            catch (ConfigurationException e)
            {
                store.Update(state => state with { Configuration = state.Configuration with { LastReloadOk = false } });
                log.Error("The configuration was read again and cannot be used; the old one stays in force: {Failure}", e.Message);
            }

            systemd.Ready();
        }
    }

    private ExporterOptions Load()
    {
        lock (judging)
        {
            isReading = true;
        }

        try
        {
            return sources.Load();
        }
        finally
        {
            lock (judging)
            {
                isReading = false;
            }
        }
    }

    private IEnumerable<string> NeedRestart(ExporterOptions wanted)
    {
        (string Key, bool Changed)[] fixedAtStart =
        [
            ("web.listen-address", !wanted.ListenAddresses.SequenceEqual(inForce.ListenAddresses)),
            ("web.telemetry-path", wanted.TelemetryPath != inForce.TelemetryPath),
            ("web.disable-page", wanted.HasPage != inForce.HasPage),
            ("web.config.file, web.systemd-socket and web.max-*", wanted.Web != inForce.Web),
            ("path.procfs", wanted.ProcPath != inForce.ProcPath),
            ("path.sysfs", wanted.SysPath != inForce.SysPath),
            ("path.rootfs", wanted.RootPath != inForce.RootPath),
            ("collector.census.*", wanted.Census != inForce.Census),
            ("recorder.path", wanted.Recorder.Path != inForce.Recorder.Path),
            ("log.format", wanted.LogFormat != inForce.LogFormat),
        ];
        return fixedAtStart.Where(setting => setting.Changed).Select(setting => setting.Key);
    }
}
