using ConnExporter.Configuration;
using ConnExporter.Tests.Support;
using FsCheck;
using FsCheck.Fluent;

namespace ConnExporter.Tests.Configuration;

public sealed class ConfigFileTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("log.level: warn\nlog.format: json\n")]
    [InlineData("log:\n  level: warn\n  format: json\n")]
    [InlineData("log: {level: warn, format: json}")]
    [InlineData("{\"log\": {\"level\": \"warn\", \"format\": \"json\"}}")]
    [InlineData("log.level: 'warn'\nlog:\n  format: \"json\"\n")]
    public void Keys_are_nested_or_written_out(string text) => Parse(text).ShouldBe(["log.level=warn", "log.format=json"]);

    [Fact]
    public void What_is_no_file_is_named_and_not_waited_for()
    {
        string pipe = Path.Join(directory.Path, "pipe");
        Strangers.MakeFifo(pipe);
        string link = Path.Join(directory.Path, "link");
        File.CreateSymbolicLink(link, pipe);

        Should.Throw<ConfigurationException>(() => YamlFile.ReadText(directory.Path, "config.file")).Message.ShouldBe($"--config.file: '{directory.Path}' is a directory");
        Should.Throw<ConfigurationException>(() => YamlFile.ReadText(pipe, "config.file")).Message.ShouldBe($"--config.file: '{pipe}' is no regular file");
        Should.Throw<ConfigurationException>(() => YamlFile.ReadText(link, "config.file")).Message.ShouldBe($"--config.file: '{link}' is no regular file");
    }

    [Fact]
    public void A_link_to_a_file_is_read()
    {
        string link = Path.Join(directory.Path, "link");
        File.CreateSymbolicLink(link, directory.Write("file", "log.level: warn\n"));

        YamlFile.ReadText(link, "config.file").ShouldBe("log.level: warn\n");
    }

    [Fact]
    public void A_collector_is_a_switch_or_a_mapping()
    {
        Parse("collector.self: false").ShouldBe(["collector.self=false"]);
        Parse("collector:\n  self: false\n  states:\n    interval: 10s\n").ShouldBe(["collector.self=false", "collector.states.interval=10s"]);
    }

    [Theory]
    [InlineData("on", "true")]
    [InlineData("Yes", "true")]
    [InlineData("TRUE", "true")]
    [InlineData("n", "false")]
    [InlineData("Off", "false")]
    [InlineData("!!bool 'no'", "false")]
    [InlineData("'true'", "true")]
    [InlineData("yEs", "yEs")]
    [InlineData("'yes'", "yes")]
    [InlineData("1", "1")]
    [InlineData("'null'", "null")]
    public void Switches_take_the_words_that_YAML_has_for_yes_and_no(string word, string value) => Parse($"collector.self: {word}").ShouldBe([$"collector.self={value}"]);

    [Theory]
    [InlineData("recorder.path: on", "recorder.path=on")]
    [InlineData("recorder.path: 'null'", "recorder.path=null")]
    [InlineData("recorder.path: '~'", "recorder.path=~")]
    [InlineData("recorder.path: !!str null", "recorder.path=null")]
    [InlineData("recorder.path: nUll", "recorder.path=nUll")]
    [InlineData("recorder.path: ''", "recorder.path=")]
    public void Elsewhere_they_are_text(string text, string value) => Parse(text).ShouldBe([value]);

    [Theory]
    [InlineData("web.listen-address: [':1', '[::1]:2']")]
    [InlineData("web:\n  listen-address:\n    - :1\n    - '[::1]:2'\n")]
    public void A_sequence_gives_several_values(string text) => Parse(text).ShouldBe(["web.listen-address=:1", "web.listen-address=[::1]:2"]);

    [Fact]
    public void Places_name_file_line_and_key() =>
        ConfigFile.Parse("/etc/x.yml", "# a comment\nlog:\n  level: warn\n").ShouldHaveSingleItem().Place.ShouldBe("/etc/x.yml:3: log.level");

    [Theory]
    [InlineData("")]
    [InlineData("\n\n")]
    [InlineData("# nothing but a comment\n")]
    [InlineData("---\n")]
    [InlineData("--- ''\n")]
    [InlineData("null")]
    [InlineData("~\n")]
    [InlineData("log:\nweb: null\ncollector: ~\n")]
    [InlineData("log.level: null\nrecorder: {path: ~}\ncollector: {self: null, states: {interval: }}\n")]
    [InlineData("{}")]
    public void An_empty_file_gives_nothing(string text) => Parse(text).ShouldBeEmpty();

    [Theory]
    [InlineData("log.levl: null\n", "x.yml:1: log.levl: no such key; did you mean 'log.level'?")]
    [InlineData("logg:\n", "x.yml:1: logg: no such key")]
    [InlineData("log.levl: warn\n", "x.yml:1: log.levl: no such key; did you mean 'log.level'?")]
    [InlineData("log:\n  level: warn\n  colour: red\n", "x.yml:3: log.colour: no such key")]
    [InlineData("\n\ntypo: {a: 1}\n", "x.yml:3: typo: no such key")]
    [InlineData("config.file: other.yml\n", "x.yml:1: config.file: no such key; did you mean 'config.file'?")]
    [InlineData("collector:\n  selff: true\n", "x.yml:2: collector.selff: no such key; did you mean 'collector.self'?")]
    [InlineData("collector:\n  self:\n    intervall: 1s\n", "x.yml:3: collector.self.intervall: no such key; did you mean 'collector.self.interval'?")]
    public void An_unknown_key_is_named_with_its_line(string text, string complaint) => Complaint(text).ShouldStartWith(complaint);

    [Theory]
    [InlineData("log.level: warn\nlog.level: info\n", "x.yml:2: Duplicate key log.level")]
    [InlineData("log:\n  level: warn\nlog:\n  format: json\n", "x.yml:3: Duplicate key log")]
    [InlineData("log.level: warn\nlog:\n  level: info\n", "x.yml:3: log.level: the key is given twice")]
    public void A_duplicate_key_is_named_with_its_line(string text, string complaint) => Complaint(text).ShouldBe(complaint);

    [Theory]
    [InlineData("log.level: [warn, info]\n", "x.yml:1: log.level: expected one value")]
    [InlineData("log.level: {a: b}\n", "x.yml:1: log.level: expected one value")]
    [InlineData("web.listen-address: [[':1']]\n", "x.yml:1: web.listen-address: expected one value")]
    [InlineData("web.listen-address: {a: b}\n", "x.yml:1: web.listen-address: expected one value")]
    [InlineData("[a, b]: c\n", "x.yml:1: expected a key")]
    public void A_value_of_the_wrong_shape_is_named_with_its_line(string text, string complaint) => Complaint(text).ShouldBe(complaint);

    [Theory]
    [InlineData("just text")]
    [InlineData("- log.level\n")]
    [InlineData("log.level: warn\n---\nlog.level: info\n")]
    public void Anything_but_one_mapping_is_refused(string text) => Complaint(text).ShouldBe("x.yml:1: expected one document with a mapping of keys to values");

    [Theory]
    [InlineData("log: {level\n")]
    [InlineData("log:\n\tlevel: warn\n")]
    [InlineData("log.level: 'warn\n")]
    [InlineData("log.level: *nowhere\n")]
    [InlineData("%YAML 9.9\n---\n")]
    [InlineData("level: !!int {:\\\nlog!!int 	...||\ufeff? ... - ? &a :~\n \n&a >")]
    public void What_is_no_yaml_is_refused_with_its_line(string text) => Complaint(text).ShouldMatch(@"^x\.yml:[1-9]\d*: \S");

    [Theory]
    [InlineData("[")]
    [InlineData("{a: ")]
    [InlineData("? ")]
    [InlineData("- ")]
    public void Nesting_without_end_is_refused_and_does_not_exhaust_the_stack(string piece) =>
        Complaint(string.Concat(Enumerable.Repeat(piece, 100_000))).ShouldStartWith("x.yml:1: ");

    [Fact]
    public void Aliases_are_followed_and_circles_are_harmless()
    {
        Parse("collector:\n  self: &i\n    interval: 3s\n  states: *i\n").ShouldBe(["collector.self.interval=3s", "collector.states.interval=3s"]);
        Complaint("collector: &c\n  self: *c\n").ShouldContain("collector.self.self: no such key");
        Complaint("&a a: {*a : 1}\n").ShouldContain("no such key");
    }

    // Each ended the process: the YAML library compares such keys without end.
    [Theory]
    [InlineData("? &a [*a]\n:\n", "x.yml:1: expected a key")]
    [InlineData("? &a {x: *a}\n:\n", "x.yml:1: expected a key")]
    [InlineData("log: &a [x]\n*a : 1\n", "x.yml:2: expected a key")]
    [InlineData("*a : 1\n*a : 2\n", "x.yml:1: '*a': nothing before it has this anchor")]
    [InlineData("log: &a x\n---\n*a : 1\n", "x.yml:3: '*a': nothing before it has this anchor")]
    public void Keys_that_are_no_words_are_refused(string text, string complaint) => Complaint(text).ShouldBe(complaint);

    [Fact]
    public void A_path_with_a_NUL_is_refused_where_it_stands()
    {
        Given given = ConfigFile.Parse("x.yml", "recorder.path: \"a\\0b\"\n").ShouldHaveSingleItem();

        Should.Throw<ConfigurationException>(() => Values.Path(given)).Message.ShouldEndWith("expected a path");
    }

    [Fact]
    public void A_complaint_about_a_key_with_a_line_end_is_one_line() => Complaint("\"a\\nb\": 1\n").ShouldBe("x.yml:1: a | b: no such key");

    [Fact]
    public void Whatever_text_a_file_holds_it_is_read_or_refused()
    {
        Gen<string> piece = Gen.Elements(
            "log", "level", ".", ": ", ":", "\n", "  ", "\t", "- ", "[", "]", "{", "}", ",", "'", "\"", "&a ", "*a", "!t ", "!!int ", "? ", "|", ">", "#", "%", "---", "...", "\\", "~",
            "web.listen-address", "collector", "self", "interval", "1s", "<<", "\0", "\u2028", "\ufeff", "é", "\r\n", "@", "`");
        Gen<string> soup = piece.ArrayOf().Select(string.Concat);
        Gen<string> text = Gen.Frequency((4, soup), (1, ArbMap.Default.GeneratorFor<string?>().Select(any => any ?? "")));

        Prop.ForAll(text.ToArbitrary(), content =>
        {
            try
            {
                ConfigFile.Parse("x.yml", content);
            }
            catch (ConfigurationException e)
            {
                e.Message.ShouldStartWith("x.yml:");
                e.Message.ShouldNotContain("\n");
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(ParserProperties.Runs).WithQuietOnSuccess(true));
    }

    [Fact]
    public void A_file_is_read_from_disk() => ConfigFile.Read(directory.Write("x.yml", "log.level: warn\n")).ShouldHaveSingleItem().Text.ShouldBe("warn");

    [Fact]
    public void A_file_with_a_byte_order_mark_is_read() =>
        ConfigFile.Read(directory.Write("x.yml", "\ufefflog.level: warn\n")).ShouldHaveSingleItem().Text.ShouldBe("warn");

    [Fact]
    public void A_file_that_cannot_be_read_is_named()
    {
        string missing = Path.Join(directory.Path, "missing.yml");

        Should.Throw<ConfigurationException>(() => ConfigFile.Read(missing)).Message.ShouldBe($"--config.file: Could not find file '{missing}'.");
        Should.Throw<ConfigurationException>(() => ConfigFile.Read(directory.Path)).Message.ShouldBe($"--config.file: '{directory.Path}' is a directory");
    }

    [Theory]
    [InlineData(1024 * 1024, true)]
    [InlineData((1024 * 1024) + 1, false)]
    public void A_file_has_at_most_a_mebibyte(int size, bool read)
    {
        string path = directory.Write("x.yml", "#" + new string('x', size - 1));

        if (read)
        {
            ConfigFile.Read(path).ShouldBeEmpty();
        }
        else
        {
            Should.Throw<ConfigurationException>(() => ConfigFile.Read(path)).Message.ShouldBe($"{path}: larger than 1048576 bytes; is this the right file?");
        }
    }

    [Fact]
    public void A_file_of_many_gigabytes_is_too_large()
    {
        string path = Path.Join(directory.Path, "large.yml");
        using (FileStream file = File.Create(path))
        {
            file.SetLength(1L << 33);
        }

        Should.Throw<ConfigurationException>(() => ConfigFile.Read(path)).Message.ShouldContain("larger than");
    }

    [Fact]
    public void A_device_is_no_file() => Should.Throw<ConfigurationException>(() => ConfigFile.Read("/dev/zero")).Message.ShouldBe("--config.file: '/dev/zero' is no regular file");

    private static IEnumerable<string> Parse(string text) => ConfigFile.Parse("x.yml", text).Select(given => $"{given.Setting.Key}={given.Text}");

    private static string Complaint(string text) => Should.Throw<ConfigurationException>(() => ConfigFile.Parse("x.yml", text)).Message;
}
