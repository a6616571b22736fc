using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Kernel.Proc;

/// <summary>What a kernel does not have stays absent; parts that are hidden take another mount namespace to see.</summary>
public sealed class HiddenProcTests
{
    private const int NoEntry = 2;

    [Theory]
    [InlineData("/proc/net/stat/nf_no_such_module")]
    [InlineData("/proc/sys/net/netfilter/no_such_sysctl")]
    [InlineData("/proc/no_such_file")]
    [InlineData("/proc/2147483647/net/tcp")]
    [InlineData("/proc/self/no_such_file")]
    [InlineData("/no/such/file")]
    [InlineData("no-slash")]
    public void What_this_kernel_lacks_is_absent_and_not_hidden(string path)
    {
        KernelReadException failure = HiddenProc.FromErrno(path, NoEntry);

        failure.Kind.ShouldBe(FailureKind.Absent);
        failure.IsHidden.ShouldBeFalse();
        failure.Message.ShouldBe($"{path}: No such file or directory (errno 2)");
    }

    [Fact]
    public void A_tree_that_stands_in_for_proc_hides_nothing()
    {
        using var root = new TemporaryDirectory();
        File.CreateSymbolicLink(Path.Join(root.Path, "self"), "1");

        HiddenProc.FromErrno(Path.Join(root.Path, "sys/fs/file-nr"), NoEntry).IsHidden.ShouldBeFalse();
    }
}
