using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public sealed class ProcessTableTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("linux-4.19")]
    [InlineData("linux-5.10")]
    [InlineData("linux-6.18")]
    public void Every_process_is_found_once_and_nothing_else(string vintage)
    {
        using var table = new ProcessTable(Fixture.Proc(vintage));

        Pids(table).ShouldBe([1, 2, 17, 57, 412, 413, 731, 890, 958, 1204, 1377, 2210, 4242], ignoreOrder: true);
        Pids(table).Count.ShouldBe(13, "a second round starts over");
    }

    [Fact]
    public void Only_names_that_are_numbers_are_processes()
    {
        foreach (string name in (string[])["7", "8x", "-1", "0", "self", "net", "99999999999", "12"])
        {
            Directory.CreateDirectory(Path.Join(directory.Path, name));
        }

        using var table = new ProcessTable(new ProcFs(directory.Path));

        Pids(table).ShouldBe([7, 12], ignoreOrder: true);
    }

    [Fact]
    public void More_processes_than_fit_in_one_buffer_are_all_found()
    {
        int[] pids = Enumerable.Range(100_000, 5000).ToArray();
        foreach (int pid in pids)
        {
            Directory.CreateDirectory(Path.Join(directory.Path, pid.ToString()));
        }

        using var table = new ProcessTable(new ProcFs(directory.Path));

        Pids(table).ShouldBe(pids, ignoreOrder: true);
    }

    [Theory]
    [InlineData(2210, 49)]
    [InlineData(1377, 4)]
    [InlineData(57, 0)]
    public void Descriptors_are_counted_by_listing_where_the_size_tells_nothing(int pid, ulong expected)
    {
        using var table = new ProcessTable(Fixture.Proc("linux-5.10"));
        table.Rewind();

        table.CountDescriptors(pid, out ulong count, out ulong identity).ShouldBe(ProcessAccess.Ok);

        count.ShouldBe(expected);
        identity.ShouldNotBe(0ul);
        table.SizeIsDescriptorCount.ShouldNotBe(true);
    }

    [Fact]
    public void Sizes_that_never_tell_the_count_are_given_up()
    {
        using var table = new ProcessTable(Fixture.Proc("linux-5.10"));

        Round(table);

        table.SizeIsDescriptorCount.ShouldBe(false);
    }

    [Fact]
    public void Our_own_descriptors_are_counted_with_or_without_the_kernels_help()
    {
        using var table = new ProcessTable(new ProcFs());
        table.Rewind();
        ulong listed = 0;
        ulong first = 0;

        // Other tests open and close files meanwhile: it takes a quiet moment to find out.
        SpinWait.SpinUntil(
            () =>
            {
                table.CountDescriptors(Environment.ProcessId, out listed, out first).ShouldBe(ProcessAccess.Ok);
                return table.SizeIsDescriptorCount is not null;
            },
            TimeSpan.FromSeconds(10)).ShouldBeTrue();

        table.CountDescriptors(Environment.ProcessId, out ulong again, out ulong second).ShouldBe(ProcessAccess.Ok);

        ((double)again).ShouldBe(listed, 50);
        second.ShouldBe(first, "it is the same process");
    }

    [Fact]
    public void A_file_of_a_process_is_read()
    {
        using var table = new ProcessTable(Fixture.Proc("linux-6.18"));
        table.Rewind();

        table.ReadFile(413, "cgroup"u8, out ReadOnlySpan<byte> content).ShouldBe(ProcessAccess.Ok);

        Encoding.UTF8.GetString(content).ShouldBe("0::/system.slice/nginx.service\n");
    }

    [Fact]
    public void A_file_is_cut_at_32_KiB()
    {
        directory.Write("7/cgroup", new byte[100_000]);
        using var table = new ProcessTable(new ProcFs(directory.Path));
        table.Rewind();

        table.ReadFile(7, "cgroup"u8, out ReadOnlySpan<byte> content).ShouldBe(ProcessAccess.Ok);

        content.Length.ShouldBe(32 * 1024);
    }

    [Fact]
    public void A_process_that_has_ended_is_gone_and_no_error()
    {
        using var table = new ProcessTable(Fixture.Proc("linux-6.18"));
        table.Rewind();

        table.CountDescriptors(int.MaxValue, out ulong count, out _).ShouldBe(ProcessAccess.Gone);
        table.ReadFile(int.MaxValue, "stat"u8, out ReadOnlySpan<byte> content).ShouldBe(ProcessAccess.Gone);

        count.ShouldBe(0ul);
        content.IsEmpty.ShouldBeTrue();
    }

    [Fact]
    public void An_errno_that_tells_neither_gone_nor_denied_is_broken()
    {
        Directory.CreateDirectory(Path.Join(directory.Path, "7", "stat"));
        using var table = new ProcessTable(new ProcFs(directory.Path));
        table.Rewind();

        ShouldBe(FailureKind.Broken, "errno", () => table.ReadFile(7, "stat"u8, out _), directory.Path + "/7/stat", "errno 21");
    }

    [Fact]
    public void Without_the_directory_there_is_no_table()
    {
        using var table = new ProcessTable(new ProcFs(Path.Join(directory.Path, "nothing")));

        ShouldBe(FailureKind.Absent, "absent", table.Rewind, directory.Path + "/nothing");
    }

    [Fact]
    public void A_round_allocates_next_to_nothing()
    {
        using var table = new ProcessTable(Fixture.Proc("linux-5.10"));
        Round(table);

        long before = GC.GetAllocatedBytesForCurrentThread();
        int processes = Round(table);

        // A handle for each directory and file that is opened.
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(processes * 2 * 64);
    }

    private static int Round(ProcessTable table)
    {
        int count = 0;
        table.Rewind();
        while (table.TryNext(out int pid))
        {
            table.CountDescriptors(pid, out _, out _);
            table.ReadFile(pid, "limits"u8, out _);
            count++;
        }

        return count;
    }

    private static List<int> Pids(ProcessTable table)
    {
        var pids = new List<int>();
        table.Rewind();
        while (table.TryNext(out int pid))
        {
            pids.Add(pid);
        }

        return pids;
    }
}
