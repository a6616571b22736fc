using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Packaging;

/// <summary>The steps of the Dockerfile, taken from the file and done by hand: nothing here knows what they are.</summary>
internal static class Dockerfile
{
    /// <summary>Does the first stage in a Debian that has the SDK where the image has it.</summary>
    /// <param name="root">The Debian.</param>
    /// <param name="arguments">What <c>--build-arg</c> would give.</param>
    /// <returns>The files that the last stage copies from the first: path in the stage, path on this host.</returns>
    public static async Task<Dictionary<string, string>> RunBuildStageAsync(DebianRoot root, Dictionary<string, string> arguments)
    {
        ImmutableArray<Step> steps = Read();
        string workingDirectory = "/";
        var environment = new Dictionary<string, string>();
        foreach (Step step in Stage(steps, 0))
        {
            switch (step.Instruction)
            {
                case "ARG":
                    // Without a default it is not set unless it is given, as by who builds for several platforms.
                    string[] argument = step.Text.Split('=', 2);
                    if (arguments.GetValueOrDefault(argument[0], argument.ElementAtOrDefault(1)!) is { } value)
                    {
                        environment[argument[0]] = value;
                    }

                    break;
                case "ENV":
                    SetEnvironment(step, environment);
                    break;
                case "WORKDIR":
                    workingDirectory = step.Text;
                    Directory.CreateDirectory(root[workingDirectory]);
                    break;
                case "COPY":
                    await CopyFromContextAsync(step, root[workingDirectory]);
                    break;
                case "RUN":
                    await RunAsync(root, workingDirectory, environment, step.Text);
                    break;
                default:
                    throw new InvalidOperationException($"not known here: {step}");
            }
        }

        return Stage(steps, 1).Where(step => step.Instruction == "COPY").Select(step => step.Words).ToDictionary(words => words[1], words => root[words[1]]);
    }

    /// <summary>Does the last stage in an empty root.</summary>
    /// <param name="root">The root, with what the base image brings.</param>
    /// <param name="products">A folder with the files that the first stage has left.</param>
    public static Image MakeImage(string root, string products)
    {
        var environment = new Dictionary<string, string> { ["APP_UID"] = "1654" };
        int user = 0;
        string[] entryPoint = [];
        foreach (Step step in Stage(Read(), 1))
        {
            switch (step.Instruction)
            {
                case "COPY":
                    string[] words = step.Words;
                    words[0].ShouldBe("--from=build");
                    Directory.CreateDirectory(Path.GetDirectoryName(root + words[2])!);
                    File.Copy(Path.Join(products, Path.GetFileName(words[1])), root + words[2]);
                    break;
                case "ENV":
                    SetEnvironment(step, environment);
                    break;
                case "USER":
                    user = int.Parse(step.Text.StartsWith('$') ? environment[step.Text[1..]] : step.Text, CultureInfo.InvariantCulture);
                    break;
                case "ENTRYPOINT":
                    entryPoint = JsonSerializer.Deserialize<string[]>(step.Text)!;
                    break;
                case "EXPOSE":
                    break;
                default:
                    throw new InvalidOperationException($"not known here: {step}");
            }
        }

        return new Image(environment, user, entryPoint);
    }

    /// <summary>The images that the stages begin with.</summary>
    public static IEnumerable<string> BaseImages() => Read().Where(step => step.Instruction == "FROM").Select(step => step.Words[0]);

    private static ImmutableArray<Step> Read() =>
    [
        .. string.Join('\n', File.ReadLines(Path.Join(Repository.Root, "Dockerfile")).Where(line => !line.StartsWith('#')))
            .Replace("\\\n", " ", StringComparison.Ordinal)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ', 2))
            .Select(parts => new Step(parts[0], parts[1].Trim())),
    ];

    private static IEnumerable<Step> Stage(ImmutableArray<Step> steps, int number)
    {
        int stage = -1;
        foreach (Step step in steps)
        {
            if (step.Instruction == "FROM")
            {
                stage++;
            }
            else if (stage == number)
            {
                yield return step;
            }
        }
    }

    private static void SetEnvironment(Step step, Dictionary<string, string> environment)
    {
        foreach (string pair in step.Words)
        {
            environment[pair.Split('=')[0]] = pair.Split('=', 2)[1];
        }
    }

    // What is not ignored: the sources as they are, without what building has left.
    private static async Task CopyFromContextAsync(Step step, string folder)
    {
        string[] allowed = [.. File.ReadLines(Path.Join(Repository.Root, ".dockerignore")).Where(line => line.StartsWith('!')).Select(line => line[1..])];
        string target = Path.Join(folder, step.Words[^1]);
        foreach (string source in step.Words[..^1])
        {
            allowed.ShouldContain(source.TrimEnd('/'), "it is left out of the context by .dockerignore");
            string files = await Tool.RunAsync("git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", source);
            foreach (string file in files.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(file => File.Exists(Path.Join(Repository.Root, file))))
            {
                // The content of a folder, or a file by its name.
                string copy = Path.Join(target, source.EndsWith('/') ? Path.GetRelativePath(source, file) : Path.GetFileName(file));
                Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                File.Copy(Path.Join(Repository.Root, file), copy);
            }
        }
    }

    private static async Task RunAsync(DebianRoot root, string workingDirectory, Dictionary<string, string> environment, string command)
    {
        // The SDK and the packages it restores are this host's; the image has the former, and gets the latter from the network.
        string dotnet = Path.GetFullPath(Path.Join(RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string nuget = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Join(home, ".nuget/packages");
        if (!File.Exists(root["/usr/bin/dotnet"]))
        {
            File.CreateSymbolicLink(root["/usr/bin/dotnet"], "/usr/share/dotnet/dotnet");
        }

        await Tool.RunAsync(
        [
            "systemd-nspawn", "--quiet", "-D", root.Path, "--register=no", "--keep-unit", "--pipe", $"--chdir={workingDirectory}",
            $"--bind-ro={dotnet}:/usr/share/dotnet", $"--bind-ro={nuget}:/root/.nuget/packages",

            // The SDK image has ICU. Advisories about packages are looked up when this host builds.
            "--setenv=DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1", "--setenv=NuGetAudit=false",
            .. environment.Select(pair => $"--setenv={pair.Key}={pair.Value}"),
            "/bin/sh", "-c", command,
        ]);
    }

    private sealed record Step(string Instruction, string Text)
    {
        public string[] Words => Text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }
}

/// <summary>How a container of the image starts.</summary>
internal sealed record Image(Dictionary<string, string> Environment, int User, string[] EntryPoint);
