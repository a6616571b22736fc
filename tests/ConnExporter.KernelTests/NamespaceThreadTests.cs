using System.Runtime.InteropServices;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Namespaces;

namespace ConnExporter.KernelTests;

/// <summary>The thread that goes into other network namespaces.</summary>
public sealed partial class NamespaceThreadTests : IDisposable
{
    private readonly NamespaceThread thread = new("/proc/self/ns/net");

    public void Dispose() => thread.Dispose();

    [KernelFact]
    public void Work_is_done_inside_and_the_thread_comes_back()
    {
        using var other = new NetworkNamespace();
        ulong inode = InodeOf(other);
        int[] threads = new int[2];
        for (int i = 0; i < threads.Length; i++)
        {
            thread.Run(PathOf(other), inode, () =>
            {
                threads[i] = Environment.CurrentManagedThreadId;
                Here().ShouldBe(inode);
            });
        }

        threads[1].ShouldBe(threads[0], "one thread does it all");
        TasksIn(inode).ShouldBeEmpty("it has come back");
        thread.Lost.ShouldBe(0);
    }

    [KernelFact]
    public void What_the_work_throws_comes_out_and_the_thread_has_come_back()
    {
        using var other = new NetworkNamespace();
        ulong inode = InodeOf(other);

        Should.Throw<TimeoutException>(() => thread.Run(PathOf(other), inode, () => throw new TimeoutException()));

        TasksIn(inode).ShouldBeEmpty();
        thread.Run(PathOf(other), inode, () => Here().ShouldBe(inode));
    }

    [KernelFact]
    public void A_namespace_that_is_deleted_while_it_is_entered_stays_until_the_work_is_done_and_then_goes()
    {
        using var home = new NetworkNamespace();
        var victim = new NetworkNamespace();
        ulong inode = InodeOf(victim);
        home.Run("ip", "netns", "set", victim.Name, "78");
        string counters = "";

        // Not in there: the threads that starting a program takes would be born in it, and stay.
        using var entered = new ManualResetEventSlim();
        using var deleted = new ManualResetEventSlim();
        var caller = new Thread(() => thread.Run(PathOf(victim), inode, () =>
        {
            entered.Set();
            deleted.Wait();
            counters = File.ReadAllText("/proc/thread-self/net/snmp");
        }));
        caller.Start();
        entered.Wait();
        victim.Dispose();
        home.Run("ip", "netns", "list-id").ShouldContain("nsid 78");
        deleted.Set();
        caller.Join();

        counters.ShouldContain("Tcp:");
        Poll.Until(() => home.Run("ip", "netns", "list-id"), ids => !ids.Contains("nsid 78", StringComparison.Ordinal), "the kernel without it", TimeSpan.FromSeconds(60));
        Should.Throw<KernelReadException>(() => thread.Run(PathOf(victim), inode, () => { })).Kind.ShouldBe(FailureKind.Absent);
    }

    [KernelFact]
    public void Another_namespace_at_the_same_path_is_not_entered()
    {
        using var other = new NetworkNamespace();
        bool entered = false;

        KernelReadException refusal = Should.Throw<KernelReadException>(() => thread.Run(PathOf(other), InodeOf(other) + 1, () => entered = true));

        refusal.Kind.ShouldBe(FailureKind.Absent);
        entered.ShouldBeFalse();
    }

    [KernelFact]
    public void What_is_no_network_namespace_is_absent()
    {
        string file = Path.GetTempFileName();
        try
        {
            Should.Throw<KernelReadException>(() => thread.Run(file, Inode(file), () => { })).Kind.ShouldBe(FailureKind.Absent);
            Should.Throw<KernelReadException>(() => thread.Run("/proc/self/ns/uts", Inode("/proc/self/ns/uts"), () => { })).Kind.ShouldBe(FailureKind.Absent);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [KernelFact]
    public void A_thread_that_cannot_come_back_is_thrown_away_and_another_takes_its_place()
    {
        using var other = new NetworkNamespace();
        ulong inode = InodeOf(other);
        int first = 0;
        int second = 0;

        // Capabilities are a thread's: without them it gets in, but not out.
        thread.Run(PathOf(other), inode, () =>
        {
            first = Environment.CurrentManagedThreadId;
            GiveUpCapabilities();
        });
        thread.Lost.ShouldBe(1);
        thread.Run(PathOf(other), inode, () =>
        {
            second = Environment.CurrentManagedThreadId;
            Here().ShouldBe(inode);
        });

        thread.Lost.ShouldBe(1);
        second.ShouldNotBe(first);
        Poll.Until(() => TasksIn(inode).Length, count => count == 0, "the end of the thread that was thrown away");
    }

    [KernelFact]
    public void Without_the_capability_it_is_denied_and_says_which()
    {
        using var other = new NetworkNamespace();
        ulong inode = InodeOf(other);
        KernelReadException? refusal = null;

        // A thread has the capabilities of the one that starts it.
        var weak = new Thread(() =>
        {
            GiveUpCapabilities();
            using var helpless = new NamespaceThread("/proc/self/ns/net");
            refusal = Should.Throw<KernelReadException>(() => helpless.Run(PathOf(other), inode, () => { }));
        });
        weak.Start();
        weak.Join();

        refusal!.Kind.ShouldBe(FailureKind.Denied);
        refusal.Message.ShouldContain("CAP_SYS_ADMIN");
    }

    private static string PathOf(NetworkNamespace network) => "/run/netns/" + network.Name;

    private static ulong InodeOf(NetworkNamespace network) => network.Inside(Here);

    private static ulong Here() => NumberOf(new FileInfo("/proc/thread-self/ns/net").LinkTarget!);

    private static ulong NumberOf(string link) => ulong.Parse(link.AsSpan("net:[".Length, link.Length - "net:[]".Length));

    private static ulong Inode(string path) => ulong.Parse(Tool.Run(TimeSpan.FromSeconds(10), "stat", "-L", "-c", "%i", path));

    private static string[] TasksIn(ulong inode) =>
        [.. Directory.GetDirectories("/proc/self/task").Where(task => new FileInfo(task + "/ns/net").LinkTarget == $"net:[{inode}]")];

    private static unsafe void GiveUpCapabilities()
    {
        // _LINUX_CAPABILITY_VERSION_3 and "this thread"; two times effective, permitted, inheritable.
        uint* header = stackalloc uint[2] { 0x20080522, 0 };
        uint* sets = stackalloc uint[6];
        if (SetCapabilities(header, sets) != 0)
        {
            throw new InvalidOperationException($"capset: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "capset", SetLastError = true)]
    private static unsafe partial int SetCapabilities(uint* header, uint* sets);
}
