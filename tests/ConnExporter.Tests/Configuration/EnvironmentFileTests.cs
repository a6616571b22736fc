using System.Text;
using ConnExporter.Configuration;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Configuration;

/// <summary>The unit's variables as systemd reads them (systemd.exec(5), EnvironmentFile=).</summary>
public class EnvironmentFileTests
{
    public static TheoryData<string, string> Values => new()
    {
        { "A=b", "b" },
        { "A=\u0001", "\u0001" },
        { "  A = b  ", "b" },
        { "#A=x\n;A=y\n\nA=b\n", "b" },
        { "  ;A=y\nA=b", "b" },
        { "A=x\nA=b", "b" },
        { "A=\"b c\"", "b c" },
        { "A='b \\c'", "b \\c" },
        { "A=\"b \\\"c\\\" \\x \\$ \\`\"", "b \"c\" \\x $ `" },
        { "A=b\\ c", "b c" },
        { "A=b\\tc", "btc" },
        { "A=b\\\nc", "bc" },
        { "A=b \\\n c", "b  c" },
        { "A=b=c", "b=c" },
        { "A=", "" },
        { "A=b\"c d\"e", "b\"c d\"e" },
        { "A=it's\nB=x", "it's" },
        { "A=\"b\" c", "bc" },
        { "A='b'\"c\"", "bc" },
        { "A=\"b\"#c", "b#c" },
        { "A=b # c", "b # c" },
        { "A='b\\\nc'", "b\\\nc" },
        { "A=\"b\\\nc\"", "bc" },
        { "A=\"b\nc\"\nB=x", "b\nc" },
        { "A='b\nB=x'", "b\nB=x" },
        { "A=\"b", "b" },
        { "A=\u00a0b\u3000", "\u00a0b\u3000" },
        { "A=\tb\t", "b" },
        { "A=\" b \"  ", " b " },
        { "A=b\\  ", "b " },
        { "A=b\rB=c", "b" },
        { "A=b\\", "b" },
        { "A=b \\", "b " },
        { "#c\\x\nA=b", "b" },
        { "#c\\\n\nA=b", "b" },
    };

    [Theory]
    [MemberData(nameof(Values))]
    public void A_variable_has_the_value_that_systemd_gives_it(string text, string value) => Parse(text)["A"].ShouldBe(value);

    [Theory]
    [InlineData("no assignment")]
    [InlineData("=x")]
    [InlineData("export A=b")]
    [InlineData("A B=c")]
    [InlineData("1A=b")]
    [InlineData("\ufeffA=b")]
    public void What_systemd_does_not_pass_on_is_passed_over(string text) => Parse(text).ShouldBeEmpty();

    [Theory]
    [InlineData(new byte[] { (byte)'A', (byte)'=', 0xff }, "it is not UTF-8")]
    [InlineData(new byte[] { (byte)'A', (byte)'=', 0 }, "it holds a NUL byte")]
    [InlineData(new byte[] { (byte)'#', (byte)'\\', (byte)'\n', (byte)'A', (byte)'=' }, "a comment ends in a backslash")]
    public void A_file_that_systemd_does_not_take_or_takes_in_two_ways_is_refused_with_its_name(byte[] content, string why)
    {
        using var directory = new TemporaryDirectory();
        string file = Path.Join(directory.Path, "default");
        File.WriteAllBytes(file, content);

        Should.Throw<ConfigurationException>(() => EnvironmentFile.Read(file)).Message.ShouldStartWith($"{file}: {why}");
    }

    // The second witness: systemd's own parser, in the library that its programs share.
    [SystemdFact]
    public void Systemd_itself_says_the_same_of_these_and_of_what_chance_makes()
    {
        var chance = new Random(20261129);
        const string Letters = "AB=\"'\\\n\r\t #;b$`\u00a0";
        string[] texts = [.. Values.Select(row => (string)row[0]), .. Enumerable.Range(0, 3000).Select(_ => "A=" + new string(chance.GetItems<char>(Letters, chance.Next(1, 14))))];

        string[] said = SystemdFactAttribute.Ask(texts);

        said.Length.ShouldBe(texts.Length);
        int compared = 0;
        for (int i = 0; i < texts.Length; i++)
        {
            Dictionary<string, string> ours;
            try
            {
                ours = Parse(texts[i]);
            }
            catch (FormatException e) when (e.Message.StartsWith("a comment ends in a backslash", StringComparison.Ordinal))
            {
                continue;
            }

            compared++;
            string.Join('|', ours.Select(variable => Convert.ToHexStringLower(Encoding.UTF8.GetBytes($"{variable.Key}={variable.Value}"))).Order(StringComparer.Ordinal)).ShouldBe(said[i], texts[i]);
        }

        compared.ShouldBeGreaterThan(2500);
    }

    [Fact]
    public void Where_there_is_none_there_is_none() => EnvironmentFile.Read("/nowhere/at/all").ShouldBeNull();

    [Fact]
    public void What_is_no_file_is_named_and_not_waited_for()
    {
        using var directory = new TemporaryDirectory();
        string pipe = Path.Join(directory.Path, "pipe");
        Strangers.MakeFifo(pipe);

        Should.Throw<ConfigurationException>(() => EnvironmentFile.Read(directory.Path)).Message.ShouldBe($"{directory.Path} is a directory");
        Should.Throw<ConfigurationException>(() => EnvironmentFile.Read(pipe)).Message.ShouldBe($"{pipe} is no regular file");
    }

    [Fact]
    public void The_file_that_the_packages_bring_names_the_configuration()
    {
        string packaged = Fixture.PathOf("..", "..", "..", "deploy", "packaging", "conn-exporter.default");

        EnvironmentFile.Read(packaged)!["CONN_EXPORTER_CONFIG_FILE"].ShouldBe("/etc/conn-exporter/conn-exporter.yml");
        File.ReadAllText(Fixture.PathOf("..", "..", "..", "conn-exporter.service")).ShouldContain($"EnvironmentFile=-{EnvironmentFile.OfUnit}\n");
    }

    private static Dictionary<string, string> Parse(string text) => EnvironmentFile.Parse(Encoding.UTF8.GetBytes(text));
}
