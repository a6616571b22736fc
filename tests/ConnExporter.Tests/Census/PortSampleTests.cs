using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Census;

namespace ConnExporter.Tests.Census;

public class PortSampleTests
{
    [Theory]
    [InlineData(64)]
    [InlineData(16)]
    [InlineData(1)]
    public void All_turns_together_are_the_usable_ports_and_each_has_both_parities_alike(int part)
    {
        var usable = new UsablePorts();
        usable.Set(new PortRange(32768, 60999), PortSet.Parse("reserved", "40000-40099\n"u8));
        List<ushort> chosen = [];
        List<ushort> all = [];
        for (int turn = 0; turn < part; turn++)
        {
            PortSample.Choose(usable, part, turn, chosen);
            chosen.Count.ShouldBeInRange((usable.Count / part) - 8, (usable.Count / part) + 8);
            chosen.Count(port => port % 2 == 0).ShouldBeInRange((chosen.Count / 2) - 1, (chosen.Count / 2) + 1);
            all.AddRange(chosen);
        }

        all.Order().ShouldBe(Enumerable.Range(32768, 28232).Select(port => (ushort)port).Where(port => usable[port]));
    }

    [Theory]
    [InlineData(100, 100, 100, 0)]
    [InlineData(440, 440, 28160, 165)]
    [InlineData(220, 440, 28160, 1732)]
    [InlineData(0, 440, 28160, 165)]
    public void What_is_estimated_has_a_bound_and_what_is_counted_has_none(long taken, int asked, int usable, ulong error) => PortSample.ErrorOf(taken, asked, usable).ShouldBe(error);
}
