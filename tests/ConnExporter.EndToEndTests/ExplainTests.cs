using System.Globalization;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary><c>conn-exporter explain</c> as it is typed.</summary>
public class ExplainTests
{
    private const char Escape = '\e';

    [Fact]
    public async Task A_line_of_the_log_needs_no_quotes()
    {
        Finished run = await new Launch("explain", "nf_conntrack:", "table", "full,", "dropping", "packet").RunAsync();

        run.ExitCode.ShouldBe(0);
        run.Error.ShouldBe("");
        run.Output.ShouldStartWith("Connection tracking drops packets\n\nSymptom\n");
        run.Output.ShouldContain("\n    sysctl -w net.netfilter.nf_conntrack_max=");
        run.Output.ShouldNotContain(Escape);
        run.Output.Split('\n').ShouldAllBe(line => line.Length <= 80);
    }

    [Fact]
    public async Task A_command_is_taken_with_its_options()
    {
        Finished run = await new Launch("explain", "netstat", "-tlnp").RunAsync();

        run.ExitCode.ShouldBe(0, run.Error);
        run.Output.ShouldStartWith("netstat -tlnp\n");
        run.Output.ShouldContain("ss -Htlnp");
    }

    [Theory]
    [InlineData("LANG", "zh_CN.UTF-8", "explain EMFILE", "进程的文件描述符耗尽")]
    [InlineData("LANG", "zh_CN.UTF-8", "explain --lang en EMFILE", "A process runs out of file descriptors")]
    [InlineData("LANG", "C.UTF-8", "explain --lang=zh EMFILE", "进程的文件描述符耗尽")]
    [InlineData("LC_ALL", "C", "explain EMFILE", "A process runs out of file descriptors")]
    public async Task The_language_is_the_one_asked_for_or_the_locales(string variable, string value, string arguments, string title)
    {
        Finished run = await new Launch(arguments.Split(' ')) { Environment = { [variable] = value } }.RunAsync();

        run.ExitCode.ShouldBe(0, run.Error);
        run.Output.ShouldStartWith(title + "\n");
    }

    [Fact]
    public async Task Without_a_text_all_topics_are_listed()
    {
        Finished run = await new Launch("explain").RunAsync();

        run.ExitCode.ShouldBe(0);
        run.Output.ShouldContain("\nFindings\n");
        run.Output.ShouldContain("  - close_wait_leak: ");
        run.Output.ShouldContain("  - net.ipv4.tcp_fin_timeout\n");
        run.Output.Split('\n').ShouldAllBe(line => new StringInfo(line).LengthInTextElements <= 80);
    }

    [Fact]
    public async Task What_is_unknown_ends_with_1_and_names_the_nearest()
    {
        Finished run = await new Launch("explain", "conection", "refusd").RunAsync();

        run.ExitCode.ShouldBe(1);
        run.Output.ShouldBe("");
        run.Error.ShouldStartWith("conn-exporter: nothing is known about 'conection refusd'; did you mean 'connection refused'?\n");
        run.Error.ShouldContain("  - connection_refused: ");
    }

    [Theory]
    [InlineData("explain --lang=fr EMFILE", "conn-exporter: --lang: 'fr': expected en or zh\n")]
    [InlineData("explain EMFILE --lang", "conn-exporter: Required argument missing for option: '--lang'.\n")]
    public async Task Wrong_usage_ends_with_64_and_one_line(string arguments, string complaint)
    {
        Finished run = await new Launch(arguments.Split(' ')).RunAsync();

        run.ExitCode.ShouldBe(64);
        run.Output.ShouldBe("");
        run.Error.ShouldBe(complaint);
    }
}
