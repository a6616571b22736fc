using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Tests.Holders;

public class WantedTests
{
    [Fact]
    public void Sockets_are_counted_by_cgroup_or_where_that_does_not_tell_by_user()
    {
        var wanted = new Wanted();
        wanted.Add(TcpState.CloseWait, 10, cgroup: 42, user: 0);
        wanted.Add(TcpState.Listen, 11, cgroup: 42, user: 5);
        wanted.Add(TcpState.Established, 12, cgroup: 1, user: 42);
        wanted.Add(TcpState.Listen, 13, cgroup: 0, user: 42);
        wanted.Add(TcpState.Established, 14, cgroup: 77, user: 42);
        wanted.Add(TcpState.CloseWait, 0, cgroup: 99, user: 9);

        wanted.Sockets.ShouldBe(5ul);
        wanted.CloseWait.ShouldBe(1ul);
        wanted.Groups.Select(group => (group.Key, group.IsCgroup, group.Sockets, group.CloseWait, group.Listeners, group.Rank)).ShouldBe(
            [(42ul, true, 2u, 1u, 1u, 3), (42ul, false, 2u, 0u, 1u, 2), (77ul, true, 1u, 0u, 0u, 1)],
            ignoreOrder: true);

        wanted.Clear();
        wanted.Groups.ShouldBeEmpty();
        wanted.Sockets.ShouldBe(0ul);
        wanted.Holds(10, out _).ShouldBeFalse();
    }

    [Fact]
    public void What_was_added_is_known_again_and_little_else()
    {
        var wanted = new Wanted();
        for (uint inode = 1000; inode < 1500; inode++)
        {
            wanted.Add(TcpState.CloseWait, inode, 42, 0);
            wanted.Add(TcpState.Established, inode + 5000, 42, 0);
        }

        for (uint inode = 1000; inode < 1500; inode++)
        {
            (wanted.Holds(inode, out bool closeWait) && closeWait).ShouldBeTrue();
            wanted.Holds(inode + 5000, out _).ShouldBeTrue();
        }

        int mistaken = Enumerable.Range(100_000, 100_000).Count(inode => wanted.Holds((uint)inode, out _));
        mistaken.ShouldBeLessThan(1000);
    }

    [Fact]
    public void Groups_are_bounded_and_all_sockets_counted()
    {
        var wanted = new Wanted();
        for (uint i = 1; i <= 10_000; i++)
        {
            wanted.Add(TcpState.Established, i, cgroup: i + 1, user: 0);
        }

        wanted.Groups.Count().ShouldBe(Wanted.GroupBound);
        wanted.Sockets.ShouldBe(10_000ul);
    }
}
