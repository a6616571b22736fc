using System.Collections;
using System.Collections.Immutable;
using System.Reflection;
using System.Text.RegularExpressions;
using ConnExporter.Diagnosis;
using ConnExporter.Metrics;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests;

#pragma warning disable MA0009 // The texts are our own: nobody feeds these expressions to make them slow.

/// <summary>The rules of this house that no compiler knows, over the source tree and the assembly.</summary>
public class HouseTests
{
    private const string SeveralWords = """\b(ShellCommand\.Of|Into|RunBy|On)\([^;]*\$@?"[^"{]*(\{[^"]*\}[^"{]*)?[ ;|&<>`][^"]*\{|\b(ShellCommand\.Of|Into|RunBy|On)\([^;]*\$@?"[^"]*\}[^"{]*[ ;|&<>`]""";
    private static readonly string Root = Path.GetFullPath(Fixture.PathOf("..", "..", ".."));
    private static readonly SourceFile[] Sources = [.. SourcesBelow("src")];
    private static readonly MetricFamily[] Families = [.. DeclaredFamilies().DistinctBy(family => family.Name)];

    [Fact]
    public void There_is_something_to_look_at()
    {
        Sources.Length.ShouldBeGreaterThan(50);
        Families.Length.ShouldBeGreaterThan(60);
    }

    [Fact]
    public void System_calls_are_declared_in_one_file() =>
        Sources.Where(file => file.Mentions(@"\b(LibraryImport|DllImport)\b")).Select(file => file.Path).ShouldBe(["src/ConnExporter.Kernel/LibC.cs"]);

    [Theory]
    [InlineData("ConnExporter.Sampling/Collectors")]
    [InlineData("ConnExporter.Diagnosis")]
    [InlineData("ConnExporter/Metrics")]
    public void What_turns_readings_into_series_does_no_io_of_its_own(string room) =>
        Offences(
            Sources.Where(file => file.Path.StartsWith($"src/{room}/", StringComparison.Ordinal)),
            @"(?<![\w.])(File|Directory|Process|Console|Environment)\.|\bnew (Socket|FileStream|StreamReader|StreamWriter|TcpClient|HttpClient)\b|\busing System\.(IO;|Net\.Sockets|Net\.Http|Diagnostics;)")
            .ShouldBeEmpty();

    [Fact]
    public void The_text_formats_are_written_by_the_library_alone()
    {
        Offences(Sources, "# (HELP|TYPE|EOF)").ShouldBeEmpty();
        Sources.Where(file => file.Mentions(@"\bCollectAndExportAsTextAsync\(")).ShouldHaveSingleItem().Path.ShouldBe("src/ConnExporter/Metrics/MetricRegistry.cs");
    }

    // What is made there is on nobody's page, and its registry starts threads.
    [Fact]
    public void The_librarys_default_registry_is_left_alone() =>
        Offences(Sources, @"\bDefaultRegistry\b|\bDefaultFactory\b|\bPrometheus\.Metrics\.(?!WithCustomRegistry\()").ShouldBeEmpty();

    [Fact]
    public void The_lists_are_explicit_and_nothing_is_found_by_reflection() =>
        Offences(Sources, @"\b(GetTypes|Activator|MakeGenericType|GetMethods?|GetProperties|GetFields)\b\s*[(.<]").ShouldBeEmpty();

    [Fact]
    public void Time_comes_from_a_time_provider() =>
        Offences(Sources, @"\b(DateTime|DateTimeOffset)\.(Utc)?Now\b|\bStopwatch\b|\bEnvironment\.TickCount").ShouldBeEmpty();

    [Fact]
    public void No_interface_has_a_single_implementation()
    {
        foreach (Match declared in Sources.SelectMany(file => Regex.Matches(file.Text, @"\binterface\s+(I[A-Z]\w*)")))
        {
            string name = declared.Groups["name"].Value;
            Sources.Sum(file => Regex.Count(file.Text, $@"\b(class|record|struct)\s[^{{;]*:\s[^{{;]*\b{name}\b")).ShouldBeGreaterThan(1, name);
        }
    }

    // A line of text that a shell reads can hold a name that it reads otherwise.
    [Fact]
    public void Commands_are_data_and_no_rule_makes_one_of_text()
    {
        typeof(Remedy).GetProperty(nameof(Remedy.Commands))!.PropertyType.ShouldBe(typeof(ImmutableArray<ShellCommand>));
        typeof(ShellCommand).GetConstructors().ShouldBeEmpty();
        typeof(ShellCommand).GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic).Where(method => method.ReturnType == typeof(ShellCommand)).Select(method => method.Name)
            .ShouldBe([nameof(ShellCommand.Of)], "no conversion from text");
        SourceFile[] rules = [.. Sources.Where(file => file.Path.StartsWith("src/ConnExporter.Diagnosis/", StringComparison.Ordinal) && !file.Path.EndsWith("/ShellCommand.cs", StringComparison.Ordinal))];
        rules.Count(file => file.Mentions(@"\bShellCommand\.Of\(")).ShouldBeGreaterThan(10);

        // An argument may have a value in it, as name=value; with a blank as well it would be several.
        Regex.IsMatch("""ShellCommand.Of("ss", $"dst {address}")""", SeveralWords).ShouldBeTrue();
        Regex.IsMatch("""ShellCommand.Of("x", $"{name}={value}"), "a b")""", SeveralWords).ShouldBeFalse();
        Offences(rules, SeveralWords).ShouldBeEmpty();
        Offences(rules, @"\bShellCommand\.Of\((?!\""[a-z]+\"")").ShouldBeEmpty("the program is a word of ours");
        Offences(rules, @"\bShellCommand\.Of\(\""(sh|bash|dash|env|eval|exec|xargs|sudo|su|ssh)\""|\.(Into|RunBy)\(\""(sh|bash|dash|env|eval|exec|xargs|sudo|su|ssh)\""").ShouldBeEmpty("they read a line again");
        Offences(rules, @"\""(sysctl -w|systemctl|nsenter|ip netns exec|prlimit|nft add|ss -K|kill -|sed -i) ").ShouldBeEmpty("lines of text");
    }

    [Fact]
    public void No_text_and_no_alert_has_a_command_with_a_name_in_it()
    {
        const string Command = @"\b(systemctl|sysctl -w|nsenter|ip netns|prlimit|ss -K|kill|nft|sed|mkdir)\b";
        string[] texts = [.. ((string[])["en", "zh"]).SelectMany(tag => Directory.EnumerateFiles(Path.Join(Root, "src/ConnExporter/Texts", tag), "*.yml")).SelectMany(File.ReadAllLines)];
        string[] alerts = [.. Directory.EnumerateFiles(Path.Join(Root, "deploy/prometheus/rules"), "*.yml").SelectMany(File.ReadAllLines).Where(line => !line.TrimStart().StartsWith('#'))];

        texts.Length.ShouldBeGreaterThan(500);
        texts.Where(line => Regex.IsMatch(line, Command + @"[^.;:，。：]*\{(unit|process|instance|name|path|manager|outer|holder|netns)\}")).ShouldBeEmpty();
        alerts.Where(line => Regex.IsMatch(line, Command)).ShouldBeEmpty();
    }

    [Fact]
    public void Nothing_is_left_for_later() => Offences(Sources, @"\b(TODO|FIXME|HACK|XXX)\b").ShouldBeEmpty();

    [Fact]
    public void A_file_is_one_idea() => Sources.Select(file => (file.Path, Lines: file.Text.Count(c => c == '\n'))).Where(file => file.Lines > 400).Select(file => $"{file.Path}: {file.Lines} lines")
        .ShouldBeEmpty("whoever opens a file of more than 400 lines looks for one idea among several: what has data of its own gets a file of its own");

    // One test is about sleeping.
    [Fact]
    public void Tests_do_not_sleep() => Offences(SourcesBelow("tests/ConnExporter.Tests").Where(file => !file.Path.EndsWith("/ThreadClockTests.cs", StringComparison.Ordinal)), @"\b(Thread\.Sleep|Task\.Delay)\(").ShouldBeEmpty();

    [Fact]
    public void What_comments_quote_of_the_kernel_facts_is_there()
    {
        string facts = Read("docs/kernel-facts.md");
        IEnumerable<string> quoted = Sources.SelectMany(file => Regex.Matches(file.Text, @"kernel-facts(?:\.md)? §(\d+)")).Select(match => match.Groups[1].Value).Distinct();

        quoted.ShouldAllBe(number => Regex.IsMatch(facts, $@"(?m)^## {number}\. "));
    }

    [Fact]
    public void Counters_end_in_total_and_gauges_do_not() =>
        Families.ShouldAllBe(family => family.Name.EndsWith("_total", StringComparison.Ordinal) == (family.Type == MetricType.Counter));

    [Fact]
    public void Families_have_our_prefix_or_that_of_every_client_library() => Families.ShouldAllBe(family => Regex.IsMatch(family.Name, "^(conn|process)_[a-z0-9_]+$"));

    // The page follows families by the object that declares them.
    [Fact]
    public void A_family_is_declared_once() => DeclaredFamilies().GroupBy(family => family.Name).ShouldAllBe(declared => declared.Distinct().Count() == 1);

    [Fact]
    public void Families_are_in_base_units() => Families.ShouldAllBe(family => !Regex.IsMatch(family.Name, "_(ms|milliseconds|minutes|hours|kb|kib|mb|mib|kilobytes|megabytes|percent|pages|ticks)(_|$)"));

    [Fact]
    public void Help_texts_end_in_a_full_stop() => Families.ShouldAllBe(family => family.Help.EndsWith('.'));

    [Fact]
    public void Every_family_is_written_in_the_document_as_it_is_and_none_that_is_not_there()
    {
        // Word by word: the document is what dashboards and alerts are written from.
        string[] rows = [.. Read("docs/metrics.md").Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal))];
        string[] families = [.. Families.Select(Row)];

        families.Except(rows).ShouldBeEmpty("not in the document");
        rows.Except(families).ShouldBeEmpty("in the document only");
        rows.ShouldBeUnique();
    }

    [Fact]
    public void Every_fault_is_shown_by_tests_that_are_there()
    {
        // By their sources: most of the tests are in other assemblies.
        ILookup<string, string> tests = SourcesBelow("tests")
            .SelectMany(file => Regex.Matches(file.Text, @"^(?:public|internal) (?:\w+ )*class (?<name>\w+Tests)\b", RegexOptions.Multiline | RegexOptions.ExplicitCapture).Select(declared => (Class: declared.Groups["name"].Value, file.Text)))
            .ToLookup(file => file.Class, file => file.Text);
        string[] lines = Read("docs/faults.md").Split('\n');
        Match[] named = [.. lines.SelectMany(line => Regex.Matches(line, @"`(\w+Tests)\.(\w+)`"))];

        named.Where(name => !tests[name.Groups[1].Value].Any(text => Regex.IsMatch(text, $@"\]\s+public [\w<>]+(?: \w+)* {name.Groups[2].Value}\("))).Select(name => name.Value).ShouldBeEmpty("no such test");
        string[] rows = [.. lines.Where(line => Regex.IsMatch(line, @"^\| \d"))];
        rows.Select((row, index) => row.StartsWith($"| {index + 1} |", StringComparison.Ordinal)).ShouldAllBe(inOrder => inOrder);
        rows.ShouldAllBe(row => Regex.IsMatch(row, @"`\w+Tests\.\w+`"));
        rows.Length.ShouldBe(55);
    }

    [Fact]
    public void What_is_believed_of_others_input_is_shown_by_tests_that_are_there()
    {
        HashSet<string> tests = [.. SourcesBelow("tests").SelectMany(file => Regex.Matches(file.Text, @"class (?<name>\w+Tests)\b", RegexOptions.ExplicitCapture).Select(declared => declared.Groups["name"].Value))];
        string[] named = [.. Regex.Matches(Read("docs/security.md"), @"`(?<name>\w+Tests)`", RegexOptions.ExplicitCapture).Select(name => name.Groups["name"].Value)];

        named.Length.ShouldBeGreaterThan(10);
        named.Except(tests).ShouldBeEmpty("no such tests");
    }

    // A newcomer goes by these two.
    [Fact]
    public void The_map_has_every_folder_and_every_path_on_it_is_there()
    {
        string map = Read("docs/architecture.md");
        string[] folders = [.. Sources.Select(file => Path.GetDirectoryName(file.Path)!["src/".Length..]).Distinct()];
        string[] rooms = [.. Regex.Matches(map, @"(?m)^\| `(?<path>[\w./]+)` \|", RegexOptions.ExplicitCapture).Select(row => row.Groups["path"].Value)];
        string[] files = [.. Regex.Matches(map, @"`(?<path>ConnExporter[\w.]*/[\w./]+\.cs)`", RegexOptions.ExplicitCapture).Select(path => path.Groups["path"].Value)];
        string[] touched = [.. Regex.Matches(Read("CONTRIBUTING.md"), @"`(?<path>(src|docs)/[\w./]+)`", RegexOptions.ExplicitCapture).Select(path => path.Groups["path"].Value)];

        rooms.Order(StringComparer.Ordinal).ShouldBe(folders.Where(folder => folder != "ConnExporter").Order(StringComparer.Ordinal));
        files.Length.ShouldBeGreaterThan(6);
        files.Where(path => !File.Exists(Path.Join(Root, "src", path))).ShouldBeEmpty();
        touched.Length.ShouldBeGreaterThan(15);
        touched.Where(path => !Path.Exists(Path.Join(Root, path))).ShouldBeEmpty();
    }

    [Fact]
    public void Every_collector_is_in_the_document()
    {
        string document = Read("docs/metrics.md");

        CollectorList.All.ShouldAllBe(entry => document.Contains($"`{entry.Name}`", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("docs/runbooks", "Runbooks")]
    [InlineData("src/ConnExporter/Texts", "Texts")]
    [InlineData("src/ConnExporter/Web/Pages/Assets", "Web")]
    public void What_belongs_into_the_program_is_listed_in_its_project(string folder, string prefix)
    {
        // C# sources lie beside the texts.
        string[] files = [.. Directory.EnumerateFiles(Path.Join(Root, folder), "*", SearchOption.AllDirectories).Where(path => !path.EndsWith(".cs", StringComparison.Ordinal))
            .Select(path => $"{prefix}/{Path.GetRelativePath(Path.Join(Root, folder), path)}")];

        typeof(MetricFamily).Assembly.GetManifestResourceNames().Where(name => name.StartsWith(prefix + "/", StringComparison.Ordinal)).Order().ShouldBe(files.Order());
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("CHANGELOG.md")]
    [InlineData("CONTRIBUTING.md")]
    [InlineData("LICENSE")]
    [InlineData("conn-exporter.service")]
    [InlineData("Dockerfile")]
    [InlineData("deploy/packaging/build")]
    [InlineData("docs/install.md")]
    [InlineData("ConnExporter.sln")]
    [InlineData("global.json")]
    [InlineData(".editorconfig")]
    [InlineData("Directory.Build.props")]
    [InlineData("Directory.Packages.props")]
    [InlineData(".ci/run")]
    [InlineData("tests/run")]
    [InlineData("docs/metrics.md")]
    [InlineData("docs/kernel-facts.md")]
    [InlineData("docs/decisions.md")]
    [InlineData("docs/security.md")]
    public void What_a_newcomer_looks_for_is_in_its_place(string file) => File.Exists(Path.Join(Root, file)).ShouldBeTrue();

    private static string Row(MetricFamily family) =>
        $"| `{family.Name}` | {family.Type.ToString().ToLowerInvariant()} | {(family.Labels.Count == 0 ? "–" : string.Join(", ", family.Labels.Select(label => $"`{label}`")))} | {family.Help} |";

    // Families are static fields beside what writes them, by themselves or in an array of rows.
    private static IEnumerable<MetricFamily> DeclaredFamilies() => typeof(MetricFamily).Assembly.GetTypes()
        .Where(type => !type.ContainsGenericParameters)
        .SelectMany(type => type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
        .Where(field => field.FieldType == typeof(MetricFamily) || (field.FieldType.IsArray && FamilyOf(field.FieldType.GetElementType()!) is not null))
        .SelectMany(field => field.GetValue(null) switch
        {
            MetricFamily family => [family],
            IEnumerable rows => rows.Cast<object>().Select(row => (MetricFamily)FamilyOf(row.GetType())!.GetValue(row)!),
            _ => Enumerable.Empty<MetricFamily>(),
        });

    private static PropertyInfo? FamilyOf(Type row) => row.GetProperties().FirstOrDefault(property => property.PropertyType == typeof(MetricFamily));

    private static IEnumerable<string> Offences(IEnumerable<SourceFile> files, string pattern) =>
        files.SelectMany(file => file.Text.Split('\n').Select((line, index) => (line, index)).Where(entry => Regex.IsMatch(entry.line, pattern)).Select(entry => $"{file.Path}:{entry.index + 1}: {entry.line.Trim()}"));

    private static IEnumerable<SourceFile> SourcesBelow(string folder) => Directory.EnumerateFiles(Path.Join(Root, folder), "*.cs", SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(Root, path))
        .Where(path => !path.Split('/').Any(part => part is "obj" or "bin") && Path.GetFileName(path) != $"{nameof(HouseTests)}.cs")
        .Order(StringComparer.Ordinal)
        .Select(path => new SourceFile(path, Read(path)));

    private static string Read(string path) => File.ReadAllText(Path.Join(Root, path));

    private sealed record SourceFile(string Path, string Text)
    {
        public bool Mentions(string pattern) => Regex.IsMatch(Text, pattern);
    }
}
