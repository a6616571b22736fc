using System.Text.RegularExpressions;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Packaging;

/// <summary>What is in the packages, before anybody installs them.</summary>
[Collection(OnPackages.Name)]
public sealed partial class PackageTests(Packages packages) : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [FactThatNeeds(Need.Long, Need.RpmBuild, Need.TestMachine)]
    public async Task Two_builds_in_different_places_give_the_same_bytes()
    {
        string program = Path.Join(await packages.ImageBuildAsync(), "conn-exporter");

        (await Tool.RunAsync("sha256sum", program)).Split(' ')[0].ShouldBe((await Tool.RunAsync("sha256sum", await packages.BinaryAsync())).Split(' ')[0], "the program differs");
        await Packages.PackAsync(program, directory["again"]);
        string[] first = await File.ReadAllLinesAsync(Path.Join(await packages.FolderAsync(), "SHA256SUMS"));
        (await File.ReadAllLinesAsync(directory["again/SHA256SUMS"])).ShouldBe(first.Where(line => !line.Contains("arm64", StringComparison.Ordinal) && !line.Contains("aarch64", StringComparison.Ordinal)));
    }

    [FactThatNeeds(Need.RpmBuild)]
    public async Task The_checksums_are_those_of_all_packages()
    {
        string folder = await packages.FolderAsync();

        string said = await Tool.RunAsync("sh", "-c", "cd \"$0\" && sha256sum --check --strict SHA256SUMS", folder);

        said.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(": ")[0])
            .ShouldBe(Directory.EnumerateFiles(folder).Select(Path.GetFileName).Where(name => name != "SHA256SUMS"), ignoreOrder: true);
    }

    [FactThatNeeds(Need.RpmBuild, Need.Lintian)]
    public async Task Lintian_finds_no_error()
    {
        Finished lintian = await Tool.TryAsync("lintian", "--allow-root", "--fail-on", "error", await packages.FindAsync("amd64.deb"));

        lintian.ExitCode.ShouldBe(0, lintian.Output + lintian.Error);
        lintian.Output.ShouldNotContain("E: ");
    }

    [FactThatNeeds(Need.RpmBuild)]
    public async Task Every_flag_and_verb_is_in_the_manual_and_in_the_completions()
    {
        await packages.BinaryAsync();
        string help = (await new Launch("--help").RunAsync()).Output;
        List<string> words = [.. Flags().Matches(help).Select(match => match.Value), .. Verbs().Matches(help.Split("Commands:")[1]).Select(match => match.Groups["verb"].Value)];
        words.Count.ShouldBeGreaterThan(40);

        string manual = (await Tool.RunAsync("tar", "-xzOf", await packages.FindAsync("linux-x64.tar.gz"), "--wildcards", "*/conn-exporter.1")).Replace("\\-", "-", StringComparison.Ordinal);

        foreach (string word in words)
        {
            manual.ShouldContain($"\\fB{word}\\fR");
        }

        string[] offeredByBash = await CompleteInBashAsync("conn-exporter", "");
        words.ShouldBeSubsetOf(offeredByBash);
        (await CompleteInBashAsync("conn-exporter", "--log.level", "=", "d")).ShouldBe(["debug"]);
        (await CompleteInBashAsync("conn-exporter", "metrics", "che")).ShouldBeEmpty("there is a verb already");
    }

    [FactThatNeeds(Need.RpmBuild, "fish", "zsh")]
    public async Task Fish_and_zsh_take_their_completions()
    {
        string folder = await CompletionFolderAsync();

        string offered = await Tool.RunAsync("fish", "--no-config", "-c", $"source {folder}/conn-exporter.fish; complete -C 'conn-exporter --log.level='; complete -C 'conn-exporter check'");

        offered.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t')[0])
            .ShouldBe(["--log.level=debug", "--log.level=error", "--log.level=info", "--log.level=warn", "check-config"], ignoreOrder: true);
        await Tool.RunAsync("zsh", "-f", "-n", $"{folder}/_conn-exporter");
    }

    [FactThatNeeds(Need.RpmBuild, "man")]
    public async Task The_manual_is_set_without_a_warning()
    {
        await packages.BinaryAsync();
        string manual = Path.Join(Path.GetDirectoryName(await packages.BinaryAsync()), "conn-exporter.1");

        Finished man = await Tool.TryAsync("man", "--warnings", "--local-file", manual);

        man.ExitCode.ShouldBe(0, man.Error);
        man.Error.ShouldBe("");
        man.Output.ShouldContain("CAP_DAC_READ_SEARCH");
    }

    private async Task<string> CompletionFolderAsync() => Path.Join(Path.GetDirectoryName(await packages.BinaryAsync()), "completion");

    private async Task<string[]> CompleteInBashAsync(params string[] words)
    {
        const string Script = """source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _conn_exporter; printf '%s\n' "${COMPREPLY[@]}" """;
        string offered = await Tool.RunAsync(["bash", "--norc", "-c", Script, Path.Join(await CompletionFolderAsync(), "conn-exporter.bash"), .. words]);
        return offered.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    [GeneratedRegex(@"(?<=^  (-\S+, )*)--[a-z0-9.-]+", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Flags();

    [GeneratedRegex("^  (?<verb>[a-z][a-z-]+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Verbs();
}
