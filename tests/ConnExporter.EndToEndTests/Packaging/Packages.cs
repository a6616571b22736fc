using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Packaging;

/// <summary>The packages as <c>deploy/packaging/build</c> makes them, once for all tests that need them.</summary>
public sealed class Packages : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly Lazy<Task<string>> build;
    private readonly Lazy<Task<string>> binary;
    private readonly Lazy<Task<string>> imageBuild;

    public Packages()
    {
        build = new Lazy<Task<string>>(BuildAsync);
        binary = new Lazy<Task<string>>(UnpackBinaryAsync);
        imageBuild = new Lazy<Task<string>>(BuildImageStageAsync);
    }

    /// <summary>The folder with the packages.</summary>
    public Task<string> FolderAsync() => build.Value;

    /// <summary>The program that they contain.</summary>
    public Task<string> BinaryAsync() => binary.Value;

    /// <summary>The program for arm64.</summary>
    public async Task<string> Arm64BinaryAsync()
    {
        Directory.CreateDirectory(directory["arm64"]);
        await Tool.RunAsync("tar", "-xzf", await FindAsync("linux-arm64.tar.gz"), "-C", directory["arm64"], "--strip-components=1");
        return directory["arm64/conn-exporter"];
    }

    /// <summary>The folder that the build stage of the Dockerfile has left, from the same sources in another place.</summary>
    public Task<string> ImageBuildAsync() => imageBuild.Value;

    /// <summary>A folder with what the build stage of the Dockerfile leaves: in the long form that is what it has left, otherwise the same program from the packages.</summary>
    public async Task<string> ProductsAsync() => Need.IsLong ? await ImageBuildAsync() : Path.GetDirectoryName(await BinaryAsync())!;

    /// <summary>The path of the one package with an ending.</summary>
    public async Task<string> FindAsync(string ending) => Directory.EnumerateFiles(await FolderAsync()).Single(file => file.EndsWith(ending, StringComparison.Ordinal));

    /// <summary>Packs a program that is published already.</summary>
    internal static Task<string> PackAsync(string binary, string folder, string revision = "1") =>
        Tool.RunAsync(Path.Join(Repository.Root, "deploy/packaging/build"), "--binary", binary, "--arm64-binary", "none", "--output", folder, "--revision", revision);

    public void Dispose() => directory.Dispose();

    private async Task<string> BuildAsync()
    {
        // What is published already is the same program, but for arm64 it is published here.
        string[] given = ProgramUnderTest.Native is { } program ? ["--binary", program] : [];
        await Tool.RunAsync([Path.Join(Repository.Root, "deploy/packaging/build"), "--output", directory["packages"], .. given]);
        return directory["packages"];
    }

    private async Task<string> UnpackBinaryAsync()
    {
        Directory.CreateDirectory(directory["tarball"]);
        await Tool.RunAsync("tar", "-xzf", await FindAsync("linux-x64.tar.gz"), "-C", directory["tarball"], "--strip-components=1");
        return directory["tarball/conn-exporter"];
    }

    private async Task<string> BuildImageStageAsync()
    {
        // As "conn-exporter, version 0.1.0 (revision: 1234, runtime: .NET 10.0.0)" has it.
        string said = await Tool.RunAsync(await BinaryAsync(), "--version");
        string revision = said.Split("revision: ")[1].Split(',')[0];
        await using DebianRoot root = await DebianRoot.MountAsync();
        Dictionary<string, string> products = await Dockerfile.RunBuildStageAsync(root, new Dictionary<string, string> { ["REVISION"] = revision });
        Directory.CreateDirectory(directory["image"]);
        foreach ((string path, string file) in products)
        {
            File.Copy(file, Path.Join(directory["image"], Path.GetFileName(path)));
        }

        return directory["image"];
    }
}

/// <summary>Tests that build and boot: they take all the CPU there is, and share what was built.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class OnPackages : ICollectionFixture<Packages>
{
    public const string Name = "packaging";
}
