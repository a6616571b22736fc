using ConnExporter.Kernel;

namespace ConnExporter.Tests.Kernel;

public class SharedDescriptorsTests
{
    private const string Path = "/proc/sys/net/core/somaxconn";
    private readonly SharedDescriptors descriptors = new();
    private int opened;

    [Fact]
    public void After_a_read_that_failed_nobody_joins_and_those_who_have_it_keep_it()
    {
        SharedDescriptors.Shared first = descriptors.Take(Path, Open);
        descriptors.Take(Path, Open).ShouldBeSameAs(first);
        opened.ShouldBe(1);

        descriptors.Leave(first, failed: true);
        SharedDescriptors.Shared anew = descriptors.Take(Path, Open);
        anew.ShouldNotBeSameAs(first);
        (first.Handle.IsClosed, anew.Handle.IsClosed).ShouldBe((false, false));
        (first.HasFailed, anew.HasFailed).ShouldBe((true, false));

        // The last reader of the old one takes nothing from those of the new one.
        descriptors.Leave(first, failed: false);
        (first.Handle.IsClosed, anew.Handle.IsClosed).ShouldBe((true, false));
        descriptors.Take(Path, Open).ShouldBeSameAs(anew);
    }

    [Fact]
    public void Who_opens_at_the_same_time_shares_what_came_first()
    {
        SharedDescriptors.Shared? other = null;

        SharedDescriptors.Shared mine = descriptors.Take(Path, () =>
        {
            DescriptorHandle own = Open();
            other = descriptors.Take(Path, Open);
            return own;
        });

        mine.ShouldBeSameAs(other);
        (opened, mine.Readers).ShouldBe((2, 2));
    }

    // Of no file: closing it does nothing.
    private DescriptorHandle Open()
    {
        opened++;
        return new DescriptorHandle(-1);
    }
}
