using System.Diagnostics;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>
/// A file system that never answers, over a directory, in the mount namespace of one process: FUSE with nobody behind it, as an NFS server that is gone. Who asks it
/// for anything sleeps in the kernel. It takes root and /dev/fuse.
/// </summary>
internal sealed class HungFileSystem : IAsyncDisposable
{
    /// <summary>What a daemon is started under, so that the mount is its own and nobody else hangs.</summary>
    public static readonly string[] Under = ["unshare", "--mount"];

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private readonly Process holder;
    private readonly int process;
    private readonly string directory;

    private HungFileSystem(int process, string directory)
    {
        this.process = process;
        this.directory = directory;

        // The kernel takes the file system for alive as long as somebody has the device open.
        const string Mount = "exec 3<>/dev/fuse && mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0,allow_other hung \"$0\" && echo mounted && exec sleep 600";
        holder = Process.Start(new ProcessStartInfo("nsenter", [$"--mount=/proc/{process}/ns/mnt", "sh", "-c", Mount, directory]) { UseShellExecute = false, RedirectStandardOutput = true })!;
    }

    /// <summary>Mounts it.</summary>
    /// <param name="process">A process that was started <see cref="Under"/> a mount namespace of its own.</param>
    /// <param name="directory">Where.</param>
    public static async Task<HungFileSystem> MountAsync(int process, string directory)
    {
        var mounted = new HungFileSystem(process, directory);
        (await mounted.holder.StandardOutput.ReadLineAsync().WaitAsync(Patience)).ShouldBe("mounted");
        return mounted;
    }

    /// <summary>The disk is back: what waits ends with an error, and the directory is as it was.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!holder.HasExited)
        {
            holder.Kill();
            await holder.WaitForExitAsync().WaitAsync(Patience);

            // Of a process that has ended the mounts are gone as well; whether the directory is back is seen by what the test does next.
            await Tool.TryAsync("nsenter", $"--mount=/proc/{process}/ns/mnt", "umount", "-l", directory);
        }

        holder.Dispose();
    }
}
