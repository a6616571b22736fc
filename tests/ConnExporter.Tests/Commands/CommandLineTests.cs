using ConnExporter.Commands;
using ConnExporter.Configuration;
using ConnExporter.Hosting;
using ConnExporter.State;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Commands;

[Collection(TheConsole.Name)]
public class CommandLineTests
{
    [Theory]
    [InlineData("--bogus", "--bogus: no such flag")]
    [InlineData("--bogus=1", "--bogus: no such flag")]
    [InlineData("-x", "-x: no such flag")]
    [InlineData("--log.levl=info", "--log.levl: no such flag; did you mean '--log.level'?")]
    [InlineData("--no-collector.sel", "--no-collector.sel: no such flag; did you mean '--no-collector.self'?")]
    [InlineData("--no-log.level", "--no-log.level: no such flag; did you mean '--log.level'?")]
    [InlineData("sevre", "sevre: no such command; did you mean 'serve'?")]
    [InlineData("serve extra", "extra: no such command")]
    [InlineData("check-config --bogus", "--bogus: no such flag")]
    [InlineData("--collector.self=maybe", "--collector.self: 'maybe': expected true or false")]
    [InlineData("check-config --no-collector.self=1", "--no-collector.self: '1': expected true or false")]
    [InlineData("--log.level", "Required argument missing for option: '--log.level'.")]
    [InlineData("--log.level= warn", "warn: no such command")]
    [InlineData("--log.level= --web.disable-page", "--log.level: '': expected debug, info, warn or error")]
    [InlineData("--recorder.path= --web.disable-page", "--recorder.path: '': expected a path")]
    [InlineData("--recorder.path: --web.disable-page", "--recorder.path: '': expected a path")]
    [InlineData("check-config --recorder.path= --web.disable-page", "--recorder.path: '': expected a path")]
    [InlineData("check-config --web.listen-address=:0 --web.listen-address= --log.level=info", "--web.listen-address: '': expected [address]:port, such as :9057, 127.0.0.1:9057 or [::1]:9057")]
    [InlineData("check-config --collector.self.interval= --collector.self", "--collector.self.interval: '': expected a duration such as 500ms, 5s or 1m")]
    [InlineData("--web.disable-page= --log.level=warn", "--web.disable-page: '': expected true or false")]
    [InlineData("--web.disable-page: --log.level=warn", "--web.disable-page: '': expected true or false")]
    [InlineData("--no-collector.self= --log.level=warn", "--no-collector.self: '': expected true or false")]
    [InlineData("--bogus= --log.level=warn", "--bogus: no such flag")]
    [InlineData("--log.level=info --log.level=warn", "--log.level: given more than once")]
    [InlineData("--log.level info warn", "warn: no such command")]
    [InlineData("--collector.self --no-collector.self", "--no-collector.self: given more than once")]
    public void A_wrong_command_line_gets_one_line_on_standard_error(string args, string complaint)
    {
        (int exit, string output, string error) = Run(args);

        error.ShouldBe($"conn-exporter: {complaint}\n");
        exit.ShouldBe(ExitCode.Configuration);
        output.ShouldBe("");
    }

    [Theory]
    [InlineData("diagnose --lang= --json", "--lang: '': expected en or zh")]
    [InlineData("explain --lang= --json", "--lang: '': expected en or zh")]
    [InlineData("incidents show --lang= --json", "--lang: '': expected en or zh")]
    public void A_flag_of_one_command_does_not_take_the_next_flag_either(string args, string complaint)
    {
        (int exit, _, string error) = Run(args);

        error.ShouldStartWith($"conn-exporter: {complaint}");
        exit.ShouldBe(ExitCode.Usage);
    }

    [Theory]
    [InlineData("--web.telemetry-path=/a= --web.disable-page")]
    [InlineData("--web.telemetry-path=/a: --web.disable-page")]
    [InlineData("--web.telemetry-path /a= --web.disable-page=true")]
    [InlineData("--web.telemetry-path:/a= --web.disable-page")]
    public void A_value_may_end_like_a_flag_without_one(string args)
    {
        (int exit, string output, _) = Run("check-config " + args);

        exit.ShouldBe(ExitCode.Ok);
        output.ShouldContain("metrics at /a");
    }

    [Fact]
    public void Every_setting_in_force_is_printed_with_who_says_so_as_a_file_that_means_the_same()
    {
        using var directory = new TemporaryDirectory();
        string file = Path.Join(directory.Path, "a.yml");
        File.WriteAllText(file, "log.level: warn\ncollector:\n  ports: false\n");

        (int exit, string output, _) = Run($"check-config --print --config.file={file} --web.listen-address=[::1]:9058 --web.listen-address=:9059");

        exit.ShouldBe(ExitCode.Ok);
        string[] lines = output.Split('\n');
        lines.ShouldContain("web.listen-address: [\"[::1]:9058\", \":9059\"]  # --web.listen-address");
        lines.ShouldContain($"log.level: warn  # {file}:1: log.level");
        lines.ShouldContain(line => line.StartsWith("collector.ports: false  # ", StringComparison.Ordinal));
        lines.ShouldContain("collector.self: true  # default");
        lines.ShouldContain("log.format: logfmt  # default");
        lines.ShouldContain("# recorder.path: not set");
        Settings.All.ShouldAllBe(setting => lines.Any(line => line.StartsWith(setting.Key + ": ", StringComparison.Ordinal) || line.StartsWith($"# {setting.Key}: ", StringComparison.Ordinal)));

        string again = Path.Join(directory.Path, "b.yml");
        File.WriteAllText(again, output);
        Values(Run($"check-config --print --config.file={again}").Output).ShouldBe(Values(output));
    }

    // What it is, not who says so; the file does not name itself.
    private static string[] Values(string printed) =>
        [.. printed.Split('\n').Where(line => line.Contains(": ", StringComparison.Ordinal) && !line.StartsWith("# ", StringComparison.Ordinal)).Select(line => line.Split("  # ")[0])];

    [Fact]
    public void The_version_is_told_on_standard_output()
    {
        (int exit, string output, string error) = Run("--version");

        exit.ShouldBe(ExitCode.Ok);
        output.ShouldStartWith($"conn-exporter, version {BuildVersion.Version} (revision: ");
        error.ShouldBe("");
    }

    [Theory]
    [InlineData("--help", "check-config")]
    [InlineData("--help", "--collector.disable-defaults")]
    [InlineData("--help", "--web.listen-address <listenaddress>")]
    [InlineData("metrics --help", "Print one metrics page to standard output.")]
    public void Help_names_commands_and_flags(string args, string text)
    {
        (int exit, string output, string error) = Run(args);

        exit.ShouldBe(ExitCode.Ok);
        output.ShouldContain(text);
        error.ShouldBe("");
    }

    private static (int Exit, string Output, string Error) Run(string args)
    {
        (TextWriter output, TextWriter error) = (Console.Out, Console.Error);
        using var capturedOutput = new StringWriter();
        using var capturedError = new StringWriter();
        try
        {
            Console.SetOut(capturedOutput);
            Console.SetError(capturedError);
            int exit = CommandLine.Run(args.Split(' '));
            return (exit, capturedOutput.ToString(), capturedError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }
}
