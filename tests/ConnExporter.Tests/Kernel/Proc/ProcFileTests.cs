using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public sealed class ProcFileTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    // Around the first buffer of 4096 bytes and its doublings, where a read that fills the buffer is followed by another.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(8192)]
    [InlineData(100_000)]
    public void The_whole_file_is_read_whatever_its_size(int size)
    {
        byte[] content = new byte[size];
        new Random(size).NextBytes(content);
        using var file = new ProcFile(directory.Write("file", content));

        file.Read().SequenceEqual(content).ShouldBeTrue();
        file.Read().SequenceEqual(content).ShouldBeTrue();
    }

    [Fact]
    public void Each_read_sees_the_file_as_it_is_now()
    {
        using var file = new ProcFile(directory.Write("file", "a long first content\n"));
        file.Read();

        File.WriteAllText(file.Path, "second\n");

        Encoding.UTF8.GetString(file.Read()).ShouldBe("second\n");
    }

    [Fact]
    public void The_kernel_renders_a_kept_file_anew()
    {
        using ProcFile file = new ProcFs().File("self/stat");
        string path = file.Path;

        ulong first = ProcessStat.Parse(path, file.Read(), out _).UserTicks;
        SpinWait.SpinUntil(() => ProcessStat.Parse(path, file.Read(), out _).UserTicks > first, TimeSpan.FromSeconds(10)).ShouldBeTrue();
    }

    [Fact]
    public void A_second_read_allocates_nothing()
    {
        using var file = new ProcFile(directory.Write("file", new byte[50_000]));
        file.Read();

        long before = GC.GetAllocatedBytesForCurrentThread();
        file.Read();

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Fact]
    public void More_than_4_MiB_is_refused()
    {
        using var file = new ProcFile(directory.Write("file", new byte[ProcFile.SizeLimit + 1]));

        ShouldBe(FailureKind.Broken, "too_large", () => file.Read(), file.Path, "4194304");
    }

    [Fact]
    public void A_file_without_an_end_is_refused()
    {
        using var file = new ProcFile("/dev/zero");

        ShouldBe(FailureKind.Broken, "too_large", () => file.Read(), file.Path, "4194304");
    }

    [Theory]
    [InlineData("0\n", 0)]
    [InlineData("262144\n", 262144)]
    [InlineData("\t12 \n", 12)]
    [InlineData("18446744073709551615\n", ulong.MaxValue)]
    public void A_sysctl_is_one_number(string text, ulong expected)
    {
        using var file = new ProcFile(directory.Write("file", text));

        file.ReadNumber().ShouldBe(expected);
    }

    [Theory]
    [InlineData("linux-4.19")]
    [InlineData("linux-5.10")]
    [InlineData("linux-6.18")]
    public void The_numbers_of_every_kernel_are_read(string vintage)
    {
        foreach (string name in (string[])["tcp_max_orphans", "tcp_max_tw_buckets"])
        {
            using ProcFile file = Fixture.Proc(vintage).File("sys/net/ipv4/" + name);
            file.ReadNumber().ShouldBeGreaterThan(1000ul);
        }
    }

    [Theory]
    [InlineData("", "''")]
    [InlineData("\n", @"'\x0a'")]
    [InlineData("12", "'12'")]
    [InlineData("12 13\n", "12 13")]
    [InlineData("-1\n", "-1")]
    [InlineData("12x\n", "12x")]
    [InlineData("18446744073709551616\n", "18446744073709551616")]
    [InlineData("1\02\n", @"1\x002")]
    public void Anything_else_is_no_number(string text, string found)
    {
        using var file = new ProcFile(directory.Write("file", text));

        ShouldBeBroken(() => file.ReadNumber(), file.Path, "expected", found);
    }

    [Fact]
    public void A_file_that_is_not_there_is_absent_until_it_comes()
    {
        using var file = new ProcFile(Path.Join(directory.Path, "later"));
        ShouldBe(FailureKind.Absent, "absent", () => file.Read(), file.Path, "errno 2");

        directory.Write("later", "5\n");

        file.ReadNumber().ShouldBe(5ul);
    }

    [Fact]
    public void A_file_below_another_file_is_absent()
    {
        using var file = new ProcFile(Path.Join(directory.Write("file", "5\n"), "below"));

        ShouldBe(FailureKind.Absent, "absent", () => file.Read(), file.Path, "errno 20");
    }

    [Fact]
    public void A_file_that_may_not_be_read_is_denied()
    {
        using var file = new ProcFile(KernelFiles.WriteOnly);

        ShouldBe(FailureKind.Denied, "denied", () => file.Read(), file.Path, "errno 13");
    }

    [Fact]
    public void A_directory_is_no_file()
    {
        using var file = new ProcFile(directory.Path);

        ShouldBe(FailureKind.Broken, "errno", () => file.Read(), file.Path, "errno 21");
    }

    [Fact]
    public void A_read_that_failed_opens_the_file_again_the_next_time()
    {
        string path = Path.Join(directory.Path, "file");
        Directory.CreateDirectory(path);
        using var file = new ProcFile(path);
        Should.Throw<KernelReadException>(() => file.Read());

        Directory.Delete(path);
        directory.Write("file", "5\n");

        file.ReadNumber().ShouldBe(5ul);
    }
}
