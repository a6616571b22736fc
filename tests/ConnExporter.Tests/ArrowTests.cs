using System.Text.RegularExpressions;
using System.Xml.Linq;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests;

#pragma warning disable MA0009 // The texts are our own: nobody feeds these expressions to make them slow.

/// <summary>What may use what: arrows between projects and between folders go one way.</summary>
public class ArrowTests
{
    private const string Declaration = @"(?m)^(public |internal |file )?((static|sealed|abstract|readonly|partial|ref|unsafe) )*(class|struct|interface|enum|record struct|record) (?<name>[A-Z]\w*)";
    private static readonly string Sources = Path.GetFullPath(Path.Join(Fixture.PathOf("..", "..", ".."), "src"));

    [Theory]
    [InlineData("ConnExporter.Kernel")]
    [InlineData("ConnExporter.Sampling", "ConnExporter.Kernel")]
    [InlineData("ConnExporter.Diagnosis", "ConnExporter.Sampling")]
    [InlineData("ConnExporter", "ConnExporter.Diagnosis", "ConnExporter.Kernel", "ConnExporter.Sampling")]
    public void Projects_use_only_those_before_them(string project, params string[] uses) =>
        XDocument.Load(Path.Join(Sources, project, $"{project}.csproj")).Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension((string)reference.Attribute("Include")!)).Order().ShouldBe(uses);

    [Fact]
    public void Every_file_is_in_the_namespace_of_its_folder() =>
        Files().Where(file => file.Namespace != Path.GetRelativePath(Sources, Path.GetDirectoryName(file.Path)!).Replace('/', '.')).Select(file => file.Path).ShouldBeEmpty();

    [Fact]
    public void No_folder_uses_one_that_uses_it() => Cycles([.. Files()]).ShouldBeEmpty();

    // Whoever breaks the rule is told by which files.
    [Fact]
    public void A_cycle_is_seen_whether_by_using_or_by_the_name_of_a_parent()
    {
        var low = new SourceFile("Low.cs", "House.Low", "namespace House.Low;\n\ninternal sealed class Brick;\n");
        var high = new SourceFile("High.cs", "House.High", "using House.Low;\n\nnamespace House.High;\n\ninternal sealed class Roof(Brick brick);\n");
        Cycles([low, high]).ShouldBeEmpty();

        SourceFile back = low with { Text = "using House.High;\n" + low.Text };
        Cycles([back, high]).ShouldBe(["House.High -> House.Low (High.cs), House.Low -> House.High (Low.cs)"]);

        var parent = new SourceFile("Parent.cs", "House", "using House.Low;\n\nnamespace House;\n\ninternal sealed class Street;\n");
        Cycles([low, parent]).ShouldBeEmpty();
        Cycles([low with { Text = low.Text + "internal sealed class Tile(Street street);\n" }, parent]).ShouldBe(["House -> House.Low (Parent.cs), House.Low -> House (Low.cs)"]);
    }

    // Unused directives are errors of the build, so each that is left is an arrow. What a parent declares is seen without one.
    private static IEnumerable<string> Cycles(SourceFile[] files)
    {
        ILookup<string, string> declared = files.SelectMany(file => Regex.Matches(file.Text, Declaration).Select(match => (file.Namespace, Name: match.Groups["name"].Value))).ToLookup(type => type.Namespace, type => type.Name);
        HashSet<string> folders = [.. files.Select(file => file.Namespace)];
        ILookup<string, (string To, string By)> arrows = files.SelectMany(file => UsedBy(file, folders, declared).Select(to => (From: file.Namespace, To: to, By: Path.GetFileName(file.Path))))
            .DistinctBy(arrow => (arrow.From, arrow.To)).ToLookup(arrow => arrow.From, arrow => (arrow.To, arrow.By));
        foreach (string folder in folders.Order(StringComparer.Ordinal))
        {
            // The first cycle that begins with its smallest name, so that each is told once.
            string? way = Way(folder, folder, [folder], arrows);
            if (way is not null)
            {
                yield return way;
            }
        }
    }

    private static string? Way(string from, string home, HashSet<string> passed, ILookup<string, (string To, string By)> arrows)
    {
        foreach ((string to, string by) in arrows[from])
        {
            string step = $"{from} -> {to} ({by})";
            if (to == home)
            {
                return step;
            }

            if (string.CompareOrdinal(to, home) > 0 && passed.Add(to) && Way(to, home, passed, arrows) is { } rest)
            {
                return $"{step}, {rest}";
            }
        }

        return null;
    }

    private static IEnumerable<string> UsedBy(SourceFile file, HashSet<string> folders, ILookup<string, string> declared)
    {
        foreach (Match use in Regex.Matches(file.Text, @"(?m)^using (?:static )?(?:\w+ = )?(?<name>[\w.]+);"))
        {
            string name = use.Groups["name"].Value;
            string folder = folders.Contains(name) ? name : name[..Math.Max(0, name.LastIndexOf('.'))];
            if (folders.Contains(folder) && folder != file.Namespace)
            {
                yield return folder;
            }
        }

        string code = Regex.Replace(file.Text, @"(?m)//.*$|^using .*$|^namespace .*$", "");
        for (int dot = file.Namespace.LastIndexOf('.'); dot > 0; dot = file.Namespace.LastIndexOf('.', dot - 1))
        {
            string parent = file.Namespace[..dot];
            if (declared[parent].Any(name => Regex.IsMatch(code, $@"(?<![\w.""]){name}\b")))
            {
                yield return parent;
            }
        }
    }

    private static IEnumerable<SourceFile> Files() => Directory.EnumerateFiles(Sources, "*.cs", SearchOption.AllDirectories)
        .Where(path => !Path.GetRelativePath(Sources, path).Split('/').Any(part => part is "obj" or "bin"))
        .Select(path => (path, text: File.ReadAllText(path)))
        .Select(file => new SourceFile(file.path, Regex.Match(file.text, @"(?m)^namespace (?<name>[\w.]+);").Groups["name"].Value, file.text))
        .Where(file => file.Namespace.Length > 0);

    private sealed record SourceFile(string Path, string Namespace, string Text);
}
