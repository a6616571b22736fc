using System.Text.Encodings.Web;
using System.Text.Json;
using ConnExporter.Configuration;
using ConnExporter.Hosting;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Web.Access;

namespace ConnExporter.Commands;

/// <summary><c>check-config</c>: checks the settings as the daemon would at its start, and prints what would be in force.</summary>
internal static class CheckConfigCommand
{
    /// <summary>Checks and prints.</summary>
    /// <param name="sources">Flags and environment.</param>
    /// <param name="unitEnvironment">The environment file of the unit, which counts where nothing says where the settings are from: then it is the service that is asked about.</param>
    /// <param name="print">Whether to print every setting as a configuration file has it, with who says so, instead of what is most asked for.</param>
    public static int Run(ConfigurationSources sources, string unitEnvironment = EnvironmentFile.OfUnit, bool print = false)
    {
        if (sources.IsOpen && EnvironmentFile.Read(unitEnvironment) is { } variables)
        {
            Console.WriteLine($"{Comment(print)}as the unit has it, with the variables of {unitEnvironment}");
            variables.TryAdd("RUNTIME_DIRECTORY", LocalSocket.PackagedDirectory);
            variables.TryAdd("STATE_DIRECTORY", RecorderOptions.PackagedPath);
            sources = sources.WithEnvironment(variables);
        }

        ExporterOptions options = sources.Load();
        options.Recorder.RefuseRelative();
        if (options.Recorder.DirectoryToWrite(sources.Variable) is { } directory && RecorderOptions.InTheWay(directory) is { } place)
        {
            throw new ConfigurationException($"{options.Recorder.Place}: '{place}' is no directory: no incident could be recorded");
        }

        Console.WriteLine($"{Comment(print)}{sources.FilePath ?? "no configuration file"}: ok");
        Console.WriteLine($"{Comment(print)}listens on {string.Join(", ", options.ListenAddresses)}, metrics at {options.TelemetryPath}");
        if (options.Web.ConfigFile is { } webConfig)
        {
            try
            {
                using var access = WebAccess.Open(webConfig, TimeProvider.System, Serilog.Core.Logger.None);
                Console.WriteLine($"{Comment(print)}{webConfig}: ok, {(access.Tls is null ? "no TLS" : $"TLS, certificate valid until {access.Tls.Expires:u}")}, {(access.Config.Users.IsEmpty ? "no passwords" : $"passwords of {access.Config.Users.Count} users")}");
            }
            catch (AccessFilesException e)
            {
                Console.Error.WriteLine($"conn-exporter: {e.Message}");
                return ExitCode.AccessFiles;
            }
        }

        foreach (SettingInForce setting in print ? sources.InForce(options) : [])
        {
            Console.WriteLine(Line(setting));
        }

        foreach (CollectorEntry entry in print ? [] : CollectorList.All)
        {
            Console.WriteLine(options.Collectors.TryGetValue(entry.Name, out TimeSpan interval)
                ? $"collector {entry.Name}: every {Values.Format(interval)}"
                : $"collector {entry.Name}: off");
        }

        return ExitCode.Ok;
    }

    // What is not a setting does not make it another file.
    private static string Comment(bool print) => print ? "# " : "";

    private static string Line(SettingInForce setting)
    {
        string value = setting.Setting.Repeatable ? $"[{string.Join(", ", setting.Values.Select(Scalar))}]" : setting.Values.Select(Scalar).FirstOrDefault("");
        string source = setting.Place ?? "default";

        // The file cannot name itself.
        return setting.Values.IsEmpty ? $"# {setting.Setting.Key}: not set"
            : $"{(setting.Setting.Key == Settings.ConfigFile ? "# " : "")}{setting.Setting.Key}: {value}  # {Visible.Of(source)}";
    }

    // YAML reads what JSON writes.
    private static string Scalar(string text) =>
        text.Length > 0 && char.IsAsciiLetterOrDigit(text[0]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or '/') ? text : $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";
}
