using System.Net.Sockets;
using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public sealed class ProcessSocketsTests : IDisposable
{
    private readonly HolderTree tree = new();

    public void Dispose() => tree.Dispose();

    [Fact]
    public void The_sockets_among_the_descriptors_are_found()
    {
        tree.Process(7, "web", "/", "socket:[4711]", "/dev/null", "pipe:[12]", "socket:[4294967295]", "anon_inode:[eventpoll]");
        using var sockets = new ProcessSockets(tree.Proc);

        ReadAll(sockets, 7, 64).ShouldBe([4711u, uint.MaxValue], ignoreOrder: true);
        sockets.LinksRead.ShouldBe(5);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(100)]
    [InlineData(1000)]
    public void Reading_goes_on_where_it_stopped(int room)
    {
        uint[] held = [.. Enumerable.Range(1000, 250).Select(i => (uint)i)];
        tree.Process(7, "web", "/", [.. held.Select(HolderTree.Socket)]);
        using var sockets = new ProcessSockets(tree.Proc);

        ReadAll(sockets, 7, room).ShouldBe(held, ignoreOrder: true);
        sockets.LinksRead.ShouldBe(250);
    }

    [Fact]
    public void The_table_of_an_io_uring_instance_is_read_by_its_descriptor()
    {
        tree.Process(7, "web", "/", "/dev/null", "anon_inode:[io_uring]", "socket:[1]", "anon_inode:[eventpoll]");
        tree.Write("proc/7/fdinfo/1", "pos:\t0\nSqMask:\t0x7\nSqThread:\t-1\nUserFiles:\t4\n    0: socket:[4711]\n    2: /dev/null\n32767: socket:[4712]\nUserBufs:\t0\nPollList:\n");
        using var sockets = new ProcessSockets(tree.Proc);
        Span<uint> found = stackalloc uint[8];

        ReadAll(sockets, 7, 64).ShouldBe([1u]);
        sockets.Rings.ShouldBe([1]);
        sockets.ReadRegistered(7, 1, found, out int count).ShouldBeTrue();
        count.ShouldBe(2);
        found[..2].ToArray().ShouldBe([4711u, 4712u]);
        sockets.ReadRegistered(7, 1, found[..1], out count).ShouldBeFalse("no more than there is room for");
        count.ShouldBe(1);
        sockets.ReadRegistered(7, 2, found, out count).ShouldBeTrue("closed meanwhile");
        count.ShouldBe(0);
    }

    // The kernel leaves out what it does not get the lock for: that is not an empty table.
    [Theory]
    [InlineData("pos:\t0\n", false)]
    [InlineData("SqMask:\t0x7\nUserFiles:\t4\nUserBufs:\t1\n    0: 0x7f00/4096\n", false)]
    [InlineData("UserFiles:\t0\nUserBufs:\t1\n    0: 0x7f00/4096\n", true)]
    [InlineData("UserFiles:\t2\n    0: <none>\n    1: <none>\nUserBufs:\t0\n", true)]
    public void A_table_that_is_not_shown_is_told_from_one_without_sockets(string content, bool isShown)
    {
        tree.Process(7, "web", "/", "anon_inode:[io_uring]");
        tree.Write("proc/7/fdinfo/0", content);
        using var sockets = new ProcessSockets(tree.Proc);

        sockets.ReadRegistered(7, 0, new uint[8], out int count).ShouldBe(isShown);
        count.ShouldBe(0);
    }

    [Theory]
    [InlineData("    1: socket:[4711]", 4711)]
    [InlineData("12345: socket:[1]", 1)]
    [InlineData("    1: /dev/null", 0)]
    [InlineData("    1: ", 0)]
    [InlineData("    1:", 0)]
    [InlineData("UserFiles:\t3", 0)]
    [InlineData("socket:[4711]", 0)]
    [InlineData(": socket:[4711]", 0)]
    [InlineData("tty: socket:[4711]", 0)]
    [InlineData("", 0)]
    public void A_line_of_that_table_is_a_number_and_a_file(string line, uint inode) => ProcessSockets.ParseRegistered(Bytes(line)).ShouldBe(inode);

    [Fact]
    public void A_process_that_has_ended_is_gone()
    {
        Directory.CreateDirectory(tree.Proc.PathOf("8"));
        using var sockets = new ProcessSockets(tree.Proc);

        Read(sockets, 7).ShouldBe(ProcessAccess.Gone);
        Read(sockets, 8).ShouldBe(ProcessAccess.Gone);
    }

    [Fact]
    public void What_is_no_link_is_no_socket()
    {
        Directory.CreateDirectory(tree.Proc.PathOf("7/fd"));
        File.WriteAllText(tree.Proc.PathOf("7/fd/0"), "socket:[1]");
        using var sockets = new ProcessSockets(tree.Proc);

        ReadAll(sockets, 7, 10).ShouldBeEmpty();
    }

    [Fact]
    public void Without_proc_there_is_nothing_to_read()
    {
        using var sockets = new ProcessSockets(new ProcFs(tree.Proc.PathOf("nothing")));

        ShouldBe(FailureKind.Absent, "absent", () => Read(sockets, 7), "/nothing");
    }

    [Fact]
    public void Our_own_sockets_are_found_and_a_sample_finds_some()
    {
        List<Socket> mine = [.. Enumerable.Range(0, 300).Select(_ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))];
        try
        {
            string[] links = [.. mine.Select(socket => new FileInfo($"/proc/self/fd/{socket.Handle}").LinkTarget!)];
            uint[] inodes = [.. links.Select(link => ProcessSockets.ParseTarget(Encoding.ASCII.GetBytes(link)))];
            using var sockets = new ProcessSockets(new ProcFs());

            uint[] all = ReadAll(sockets, Environment.ProcessId, 50);

            inodes.Except(all).ShouldBeEmpty();
            all.ShouldBeUnique();
            inodes.ShouldAllBe(inode => inode != 0);

            uint[] sample = new uint[32];
            sockets.Sample(Environment.ProcessId, 500, 17, sample, out int count, out int looked).ShouldBe(ProcessAccess.Ok);
            looked.ShouldBeInRange(10, 32);
            sample[..count].Intersect(inodes).ShouldNotBeEmpty();
        }
        finally
        {
            mine.ForEach(socket => socket.Dispose());
        }
    }

    [Fact]
    public void A_descriptor_costs_no_allocation()
    {
        tree.Process(7, "web", "/", [.. Enumerable.Range(1000, 1000).Select(i => HolderTree.Socket((uint)i))]);
        using var sockets = new ProcessSockets(tree.Proc);
        uint[] room = new uint[2500];
        long position = 0;
        sockets.Read(7, ref position, room, out _, out _);

        long before = GC.GetAllocatedBytesForCurrentThread();
        position = 0;
        sockets.Read(7, ref position, room, out int count, out _).ShouldBe(ProcessAccess.Ok);

        // A handle for the directory.
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(1000);
        count.ShouldBe(1000);
    }

    [Theory]
    [InlineData("socket:[1]", 1u)]
    [InlineData("socket:[4294967296]", 0u)]
    [InlineData("socket:[4294967303]", 7u)]
    [InlineData("socket:[]", 0u)]
    [InlineData("socket:[12", 0u)]
    [InlineData("socket:[", 0u)]
    [InlineData("socket:[-1]", 0u)]
    [InlineData("socket:[1x]", 0u)]
    [InlineData("/tmp/socket:[1]", 0u)]
    [InlineData("pipe:[1]", 0u)]
    [InlineData("", 0u)]
    public void A_target_is_a_socket_or_it_is_not(string target, uint inode) => ProcessSockets.ParseTarget(Encoding.ASCII.GetBytes(target)).ShouldBe(inode);

    [Fact]
    public void Any_target_is_understood_or_none() =>
        ParserProperties.NothingButRefusalsEscape(["socket:[4711]"u8.ToArray()], text => ProcessSockets.ParseTarget(text));

    private static ProcessAccess Read(ProcessSockets sockets, int pid)
    {
        long position = 0;
        return sockets.Read(pid, ref position, new uint[4], out _, out _);
    }

    private static uint[] ReadAll(ProcessSockets sockets, int pid, int room)
    {
        var all = new List<uint>();
        uint[] inodes = new uint[room];
        for (long position = 0; position != ProcessSockets.End;)
        {
            sockets.Read(pid, ref position, inodes, out int count, out int descriptors).ShouldBe(ProcessAccess.Ok);
            descriptors.ShouldBeLessThanOrEqualTo(room);
            all.AddRange(inodes[..count]);
        }

        return [.. all];
    }
}
