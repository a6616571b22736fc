using System.Diagnostics;
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
    public async Task A_directory_for_standard_input_is_named()
    {
        Finished run = await new Launch("explain", "-") { Under = ["sh", "-c", "exec \"$@\" </tmp", "sh"] }.RunAsync();

        run.ExitCode.ShouldBe(64);
        run.Error.ShouldBe("conn-exporter: standard input is a directory\n");
    }

    [Fact]
    public async Task Standard_input_that_is_closed_is_empty()
    {
        Finished run = await new Launch("explain", "-") { Under = ["sh", "-c", "exec \"$@\" <&-", "sh"] }.RunAsync();

        run.ExitCode.ShouldBe(0, run.Error);
        run.Output.ShouldContain("\nFindings\n");
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
        run.Error.ShouldEndWith("  All topics: conn-exporter explain\n");
        run.Error.Split('\n').Length.ShouldBeLessThan(12);
    }

    [Theory]
    [InlineData("@400000005f3b9a2e12345678 tcpserver: fatal: too many open files", "A process runs out of file descriptors")]
    [InlineData("@/etc/passwd: address already in use", "Address already in use (EADDRINUSE)")]
    [InlineData("-bash: fork: retry: Resource temporarily unavailable", "fork: Resource temporarily unavailable, unable to create new native thread")]
    [InlineData("[error] 1#1: *1 connect() failed (111: Connection refused)", "Connection refused (ECONNREFUSED)")]
    public async Task A_line_is_text_whatever_it_begins_with(string line, string title)
    {
        Finished run = await new Launch("explain", line).RunAsync();

        run.ExitCode.ShouldBe(0, run.Error);
        run.Output.ShouldStartWith(title + "\n");
    }

    // 进程的文件描述符耗尽, the title of the page, in the set of each locale; where the host's C library does not have the set, or the set no Chinese, in English.
    [Theory]
    [InlineData("zh_CN.GB18030", "GB18030", true)]
    [InlineData("zh_CN.GBK", "GBK", true)]
    [InlineData("zh_CN", "EUC-CN", true)]
    [InlineData("zh_TW.BIG5", "BIG5", false)]
    [InlineData("zh_CN.ISO-8859-1", "ISO8859-1", false)]
    [InlineData("zh_CN.nonsense", "nonsense", false)]
    public async Task Text_and_question_are_in_the_character_set_of_the_locale(string locale, string module, bool hasChinese)
    {
        byte[] title = hasChinese && HasModule(module)
            ? [0xbd, 0xf8, 0xb3, 0xcc, 0xb5, 0xc4, 0xce, 0xc4, 0xbc, 0xfe, 0xc3, 0xe8, 0xca, 0xf6, 0xb7, 0xfb, 0xba, 0xc4, 0xbe, 0xa1, 0x0a]
            : [.. "A process runs out of file descriptors\n"u8];

        // 打开的文件过多 in these sets.
        byte[] question = [0xb4, 0xf2, 0xbf, 0xaa, 0xb5, 0xc4, 0xce, 0xc4, 0xbc, 0xfe, 0xb9, 0xfd, 0xb6, 0xe0];
        (await BytesOf(locale, "EMFILE", []))[..title.Length].ShouldBe(title);
        if (hasChinese && HasModule(module))
        {
            (await BytesOf(locale, "-", question))[..title.Length].ShouldBe(title);
        }
    }

    [Fact]
    public async Task Standard_input_is_read_where_a_hyphen_asks_for_it()
    {
        (await BytesOf("C.UTF-8", "-", [.. "starting\nnginx: [emerg] bind() to 192.0.2.10:80 failed (99: Cannot assign requested address)\n"u8]))
            .AsSpan().StartsWith("bind() or listen(): Cannot assign requested address"u8).ShouldBeTrue();
    }

    private static bool HasModule(string name) => Directory.Exists("/usr/lib") && Directory.EnumerateFiles("/usr/lib", name + ".so", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 3, IgnoreInaccessible = true }).Any();

    private static async Task<byte[]> BytesOf(string locale, string asked, byte[] input)
    {
        using Process process = new Launch("explain", asked) { Environment = { ["LC_ALL"] = locale }, WithInput = true }.Start();
        await process.StandardInput.BaseStream.WriteAsync(input);
        process.StandardInput.Close();
        using var output = new MemoryStream();
        await process.StandardOutput.BaseStream.CopyToAsync(output);
        await process.WaitForExitAsync();
        process.ExitCode.ShouldBe(0);
        return output.ToArray();
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
