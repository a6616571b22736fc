using ConnExporter.Configuration;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Configuration;

/// <summary>The unit's variables as systemd reads them (systemd.exec(5), EnvironmentFile=).</summary>
public class EnvironmentFileTests
{
    [Theory]
    [InlineData("A=b", "b")]
    [InlineData("  A = b  ", "b")]
    [InlineData("#A=x\n;A=y\n\nA=b\n", "b")]
    [InlineData("A=x\nA=b", "b")]
    [InlineData("A=\"b c\"", "b c")]
    [InlineData("A='b \\c'", "b \\c")]
    [InlineData("A=\"b \\\"c\\\" \\x\"", "b \"c\" \\x")]
    [InlineData("A=b\\ c", "b c")]
    [InlineData("A=b\\\nc", "bc")]
    [InlineData("A=b=c", "b=c")]
    [InlineData("A=", "")]
    public void A_variable_has_the_value_that_systemd_gives_it(string text, string value) => EnvironmentFile.Parse(text)["A"].ShouldBe(value);

    [Theory]
    [InlineData("no assignment")]
    [InlineData("=x")]
    public void What_is_no_assignment_is_passed_over(string text) => EnvironmentFile.Parse(text).ShouldBeEmpty();

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
}
