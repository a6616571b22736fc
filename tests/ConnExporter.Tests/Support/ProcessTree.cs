namespace ConnExporter.Tests.Support;

/// <summary>Processes in a proc tree of the test's own.</summary>
internal static class ProcessTree
{
    /// <summary>A process with everything that the collectors read of one.</summary>
    public static void Process(this CollectorBench bench, int pid, string name, int descriptors, string limit = "1024", string cgroup = "/system.slice/demo.service")
    {
        bench.Write($"{pid}/comm", name + "\n");
        bench.Write($"{pid}/cgroup", $"0::{cgroup}\n");
        bench.Limit(pid, limit);
        bench.Descriptors(pid, descriptors);
    }

    public static void Limit(this CollectorBench bench, int pid, string limit) => bench.Write(
        $"{pid}/limits",
        $"Limit                     Soft Limit           Hard Limit           Units     \nMax open files            {limit,-20} 524288               files     \n");

    public static void Descriptors(this CollectorBench bench, int pid, int count)
    {
        string directory = Path.Join(bench.Proc, $"{pid}/fd");
        Directory.CreateDirectory(directory);
        int had = Directory.GetFiles(directory).Length;
        for (int i = had; i < count; i++)
        {
            bench.Write($"{pid}/fd/{i}", "");
        }

        for (int i = count; i < had; i++)
        {
            bench.Remove($"{pid}/fd/{i}");
        }
    }

    /// <summary>Gives the pid to another process: the directories are new ones.</summary>
    public static void Reuse(this CollectorBench bench, int pid, Action<int> create)
    {
        string directory = Path.Join(bench.Proc, $"{pid}");

        // Moved away first and removed last, so that the file system cannot give its inodes to the new ones.
        string former = directory + ".former";
        Directory.Move(directory, former);
        create(pid);
        Directory.Delete(former, recursive: true);
    }

    public static void End(this CollectorBench bench, int pid) => Directory.Delete(Path.Join(bench.Proc, $"{pid}"), recursive: true);
}
