using ConnExporter.Collectors;
using ConnExporter.Configuration;
using ConnExporter.Hosting;
using ConnExporter.Incidents;
using ConnExporter.Sampling;
using ConnExporter.Web.Access;

namespace ConnExporter.Commands;

/// <summary><c>check-config</c>: checks the settings as the daemon would at its start, and prints what would be in force.</summary>
internal static class CheckConfigCommand
{
    /// <summary>Checks and prints.</summary>
    /// <param name="sources">Flags and environment.</param>
    /// <param name="unitEnvironment">The environment file of the unit, which counts where nothing says where the settings are from: then it is the service that is asked about.</param>
    public static int Run(ConfigurationSources sources, string unitEnvironment = EnvironmentFile.OfUnit)
    {
        if (sources.IsOpen && EnvironmentFile.Read(unitEnvironment) is { } variables)
        {
            Console.WriteLine($"as the unit has it, with the variables of {unitEnvironment}");
            variables.TryAdd("RUNTIME_DIRECTORY", LocalSocket.PackagedDirectory);
            variables.TryAdd("STATE_DIRECTORY", RecorderOptions.PackagedPath);
            sources = sources.WithEnvironment(variables);
        }

        ExporterOptions options = sources.Load();
        options.Recorder.RefuseRelative();
        Console.WriteLine($"{sources.FilePath ?? "no configuration file"}: ok");
        Console.WriteLine($"listens on {string.Join(", ", options.ListenAddresses)}, metrics at {options.TelemetryPath}");
        if (options.Web.ConfigFile is { } webConfig)
        {
            try
            {
                using var access = WebAccess.Open(webConfig, TimeProvider.System, Serilog.Core.Logger.None);
                Console.WriteLine($"{webConfig}: ok, {(access.Tls is null ? "no TLS" : $"TLS, certificate valid until {access.Tls.Expires:u}")}, {(access.Config.Users.IsEmpty ? "no passwords" : $"passwords of {access.Config.Users.Count} users")}");
            }
            catch (AccessFilesException e)
            {
                Console.Error.WriteLine($"conn-exporter: {e.Message}");
                return ExitCode.AccessFiles;
            }
        }

        foreach (CollectorEntry entry in CollectorList.All)
        {
            Console.WriteLine(options.Collectors.TryGetValue(entry.Name, out TimeSpan interval)
                ? $"collector {entry.Name}: every {Values.Format(interval)}"
                : $"collector {entry.Name}: off");
        }

        if (options.Recorder.DirectoryToWrite(sources.Variable) is { } directory && RecorderOptions.InTheWay(directory) is { } place)
        {
            throw new ConfigurationException($"{options.Recorder.Place}: '{place}' is no directory: no incident could be recorded");
        }

        return ExitCode.Ok;
    }
}
