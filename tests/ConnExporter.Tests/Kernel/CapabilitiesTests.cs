using ConnExporter.Kernel.Proc;

namespace ConnExporter.Tests.Kernel;

/// <summary>A capability that is there is not called missing, and one that may be there is not either.</summary>
public class CapabilitiesTests
{
    private const ulong Ptrace = 1ul << 19;

    [Fact]
    public void What_is_missing_is_named_and_nothing_else() =>
        Capabilities.Explain(Ptrace, Capabilities.SysPtrace, Capabilities.DacReadSearch).ShouldBe("takes CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH; this process lacks CAP_DAC_READ_SEARCH");

    // Reading the descriptors of a process that has more capabilities than we do can be refused with CAP_SYS_PTRACE too.
    [Fact]
    public void Where_nothing_is_missing_the_cause_is_not_known() =>
        Capabilities.Explain(Ptrace, Capabilities.SysPtrace).ShouldStartWith("takes CAP_SYS_PTRACE; this process has it, and what refused it all the same is not known");

    [Fact]
    public void Where_it_is_not_known_what_there_is_nothing_is_called_missing() => Capabilities.Explain(null, Capabilities.SysAdmin).ShouldBe("takes CAP_SYS_ADMIN");

    [Fact]
    public void The_mask_is_that_of_the_kernel() => Capabilities.Effective(new ProcFs()).ShouldNotBeNull();

    [Theory]
    [InlineData("Name:\tx\nCapPrm:\t00000000000000ff\nCapEff:\t0000000000280004\n", 0x280004ul)]
    [InlineData("CapEff:\t000001ffffffffff\n", 0x1fffffffffful)]
    [InlineData("CapEff:\tx\n", null)]
    [InlineData("Name:\tx\n", null)]
    public void The_mask_is_read_by_name(string text, ulong? mask) => Capabilities.Parse(System.Text.Encoding.ASCII.GetBytes(text)).ShouldBe(mask);
}
