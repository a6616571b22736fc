using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Packaging;

/// <summary>The Debian of <c>tests/machine/prepare</c> to be written to: what is written goes to memory and away with the test.</summary>
internal sealed class DebianRoot : IAsyncDisposable
{
    private readonly TemporaryDirectory directory = new();

    private DebianRoot()
    {
    }

    /// <summary>Where the pristine one is.</summary>
    public static string Pristine { get; } = System.IO.Path.Join(Repository.Root, "artifacts/machine/root");

    /// <summary>Its root directory.</summary>
    public string Path => directory["root"];

    /// <summary>The path of one of its files, seen from outside.</summary>
    public string this[string path] => Path + path;

    public static async Task<DebianRoot> MountAsync()
    {
        var root = new DebianRoot();
        string memory = root.directory["memory"];
        Directory.CreateDirectory(memory);
        Directory.CreateDirectory(root.Path);
        await Tool.RunAsync("mount", "-t", "tmpfs", "tmpfs", memory);
        Directory.CreateDirectory(memory + "/upper");
        Directory.CreateDirectory(memory + "/work");
        await Tool.RunAsync("mount", "-t", "overlay", "overlay", "-o", $"lowerdir={Pristine},upperdir={memory}/upper,workdir={memory}/work", root.Path);
        return root;
    }

    /// <summary>A command that becomes another one inside a root directory, with the kernel's file systems mounted there for it alone.</summary>
    /// <param name="root">The root directory.</param>
    /// <param name="user">User and group it runs as, both by number.</param>
    public static string[] Enter(string root, int user)
    {
        string script = $"mkdir -p {root}/proc {root}/sys {root}/dev && mount -t proc proc {root}/proc && mount --rbind /sys {root}/sys && mount --rbind /dev {root}/dev && exec chroot --userspec={user}:{user} --groups= {root} \"$@\"";
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
    }

    public async ValueTask DisposeAsync()
    {
        await Tool.RunAsync("umount", Path);
        await Tool.RunAsync("umount", directory["memory"]);
        directory.Dispose();
    }
}
