using System.Buffers.Binary;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Holders;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Holders;

public sealed class TimeWaitOwnersTests : IDisposable
{
    private const ushort Port = 443;
    private static readonly InetAddress Destination = InetAddress.ReadV4([198, 51, 100, 1]);
    private static readonly TimeSpan Plenty = TimeSpan.FromSeconds(10);
    private readonly HolderTree tree = new();
    private readonly FakeSockDiag kernel = new();

    public void Dispose()
    {
        kernel.Dispose();
        tree.Dispose();
    }

    [Fact]
    public void Connections_seen_alive_are_named_by_process_and_unit()
    {
        ulong id = tree.Cgroup("/system.slice/shop.service", 7, 8);
        tree.Process(7, "shop", "/system.slice/shop.service", "/dev/null", "socket:[11]", "socket:[13]", "socket:[15]");
        tree.Process(8, "shop-helper", "/system.slice/shop.service", "socket:[12]", "socket:[14]");
        kernel.Dump();
        kernel.Dump(Record(11, id), Record(12, id));
        kernel.Dump(Record(13, id), Record(14, id), Record(15, id), Record(16, id));
        using CgroupTree cgroups = new(tree.Proc, Path.GetDirectoryName(tree.CgroupPath)!);
        using TimeWaitOwners owners = Open(cgroups);

        IReadOnlyList<Sighting> seen = owners.Watch(Destination, Port, Plenty);

        seen.Select(one => (one.Inode, one.Owner?.Name, one.Owner?.Pid, one.Unit)).ShouldBe(
            [
                (11u, "shop", 7, "shop.service"), (13u, "shop", 7, "shop.service"), (15u, "shop", 7, "shop.service"),
                (12u, "shop-helper", 8, "shop.service"), (14u, "shop-helper", 8, "shop.service"),
            ],
            ignoreOrder: true);
        owners.Dumps.ShouldBe(3);
        kernel.AskedStates.ShouldAllBe(states => states == 0xbbf, "neither TIME_WAIT nor LISTEN");
    }

    [Fact]
    public void One_whose_process_was_not_caught_tells_the_unit()
    {
        ulong id = tree.Cgroup("/system.slice/shop.service", 7);
        tree.Process(7, "shop", "/system.slice/shop.service", "/dev/null");
        kernel.Dump(Record(11, id, user: 33));
        for (int i = 1; i < TimeWaitOwners.MostDumps; i++)
        {
            kernel.Dump();
        }

        using CgroupTree cgroups = new(tree.Proc, Path.GetDirectoryName(tree.CgroupPath)!);
        using TimeWaitOwners owners = Open(cgroups);

        Sighting seen = owners.Watch(Destination, Port, Plenty).ShouldHaveSingleItem();

        seen.ShouldBe(new Sighting(11, 33, new Cgroup(id, "/system.slice/shop.service", "shop.service"), null));
        seen.Unit.ShouldBe("shop.service");
        owners.Dumps.ShouldBe(TimeWaitOwners.MostDumps);
    }

    [Fact]
    public void Without_cgroups_the_processes_of_the_user_are_looked_into()
    {
        // The tree belongs to whoever runs the test.
        uint user = UserOf();
        tree.Process(7, "shop", "/batch", "/dev/null", "socket:[11]");
        tree.Process(8, "other", "/", "socket:[99]");
        kernel.Dump(Record(11, 1, user));
        kernel.Dump(Record(11, 1, user));
        kernel.Refuse(Netlink.Error, 5);
        using TimeWaitOwners owners = Open(null);

        Should.Throw<KernelReadException>(() => owners.Watch(Destination, Port, Plenty));

        kernel.Dump(Record(11, 1, user));
        for (int i = 1; i < TimeWaitOwners.MostDumps; i++)
        {
            kernel.Dump();
        }

        owners.Watch(Destination, Port, Plenty).ShouldHaveSingleItem().Owner.ShouldBe(new Owner("shop", "batch", 7, 1000));
        kernel.Opened.ShouldBe(2, "after a failure the socket is another");
    }

    [Fact]
    public void What_a_kernel_without_the_filter_would_give_is_left_out()
    {
        for (int i = 0; i < TimeWaitOwners.MostDumps; i++)
        {
            kernel.Dump(Netlink.Record(remote: "198.51.100.2", remotePort: Port, inode: 11), Netlink.Record(remotePort: 80, inode: 12), Netlink.Record(remotePort: Port));
        }

        using TimeWaitOwners owners = Open(null);

        owners.Watch(Destination, Port, Plenty).ShouldBeEmpty();
    }

    [Fact]
    public void Without_time_there_is_no_dump()
    {
        using TimeWaitOwners owners = Open(null);

        owners.Watch(Destination, Port, TimeSpan.Zero).ShouldBeEmpty();
        owners.Dumps.ShouldBe(0);
    }

    private TimeWaitOwners Open(CgroupTree? cgroups) => new(kernel.Kernel(tree.Proc.Root), cgroups);

    private unsafe uint UserOf()
    {
        LibC.StatxBuffer status;
        fixed (byte* path = Refusal.Bytes(tree.Proc.Root + '\0'))
        {
            LibC.Statx(LibC.AtFdCwd, path, 0, 0x008, &status).ShouldBe(0);
        }

        return status.User;
    }

    private static byte[] Record(uint inode, ulong cgroup, uint user = 0)
    {
        byte[] id = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(id, cgroup);
        byte[] record = Netlink.Record(state: (byte)TcpState.Established, remote: "198.51.100.1", remotePort: Port, inode: inode, attributes: Netlink.Attribute(21, id));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(64), user);
        return record;
    }
}
