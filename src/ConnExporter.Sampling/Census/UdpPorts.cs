using System.Collections;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Sampling.Census;

/// <summary>
/// Which ports of the ephemeral range UDP sockets hold, by local address. Whatever its destination, a socket takes its port from everybody on its address, and from those
/// that choose no address: bind() to any address, and the first connect() or sendto() of a socket that was not bound (net/ipv4/udp.c:udp_lib_lport_inuse,
/// net/core/sock_reuseport.c aside; docs/kernel-facts.md §13).
/// </summary>
internal sealed class UdpPorts
{
    /// <summary>Addresses that are followed, 8 KiB each.</summary>
    public const int MostAddresses = 64;

    private static readonly InetAddress AnyV4 = InetAddress.ReadV4([0, 0, 0, 0]);
    private static readonly InetAddress AnyV6 = new(0, 0);
    private readonly UsablePorts usable = new();
    private readonly Dictionary<InetAddress, BitArray> addresses = [];
    private readonly Stack<BitArray> spare = new();

    // Of sockets without an address: IPv4, both families, IPv6 alone.
    private readonly BitArray anyV4 = new(ushort.MaxValue + 1);
    private readonly BitArray anyBoth = new(ushort.MaxValue + 1);
    private readonly BitArray anyV6 = new(ushort.MaxValue + 1);

    // Of all addresses of a family.
    private readonly BitArray allV4 = new(ushort.MaxValue + 1);
    private readonly BitArray allV6 = new(ushort.MaxValue + 1);

    // Of those of IPv6, sockets with a peer: where they were not bound, and not to IPv6 alone, they take their port from IPv4 too, which is not told.
    private readonly BitArray perhapsV4 = new(ushort.MaxValue + 1);
    private readonly BitArray scratch = new(ushort.MaxValue + 1);
    private InetAddress lastAddress;
    private BitArray? last;
    private bool hasV6;

    /// <summary>Ports of the range that are not reserved.</summary>
    public int Usable => usable.Count;

    /// <summary>Sockets whose address found no room: how many ports it has left is not known.</summary>
    public int LeftOut { get; private set; }

    /// <summary>Starts a walk.</summary>
    /// <param name="settings">The range in force.</param>
    /// <param name="excluded">What is reserved; null where that could not be read.</param>
    public void Begin(PortRange settings, PortSet? excluded)
    {
        usable.Set(settings, excluded);
        foreach (BitArray bits in (BitArray[])[anyV4, anyBoth, anyV6, allV4, allV6, perhapsV4])
        {
            bits.SetAll(false);
        }

        foreach (BitArray bits in addresses.Values)
        {
            bits.SetAll(false);
            spare.Push(bits);
        }

        addresses.Clear();
        last = null;
        hasV6 = false;
        LeftOut = 0;
    }

    /// <summary>Counts a socket.</summary>
    /// <returns>Whether its port is one of the usable ones.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Add(in SocketRecord socket)
    {
        ushort port = socket.LocalPort;
        hasV6 |= socket.IsV6;
        if (!usable[port])
        {
            return false;
        }

        InetAddress address = socket.LocalAddress;
        if (address == AnyV6)
        {
            (socket.IsV6Only ? anyV6 : anyBoth)[port] = true;
            return true;
        }

        if (address.IsV4)
        {
            allV4[port] = true;
            if (address == AnyV4)
            {
                anyV4[port] = true;
                return true;
            }
        }
        else
        {
            allV6[port] = true;
            if (socket.State == TcpState.Established)
            {
                perhapsV4[port] = true;
            }
        }

        if (last is null || address != lastAddress)
        {
            if (!addresses.TryGetValue(address, out last))
            {
                if (addresses.Count >= MostAddresses)
                {
                    LeftOut++;
                    return true;
                }

                last = spare.TryPop(out BitArray? old) ? old : new BitArray(ushort.MaxValue + 1);
                addresses.Add(address, last);
            }

            lastAddress = address;
        }

        last[port] = true;
        return true;
    }

    /// <summary>How many ports are taken from whoever binds to each address: those without one first, then the fullest addresses.</summary>
    /// <param name="most">Rows at most.</param>
    public ImmutableArray<UdpPortUse> Rows(int most)
    {
        ImmutableArray<UdpPortUse>.Builder rows = ImmutableArray.CreateBuilder<UdpPortUse>();
        int v4 = Count(anyBoth, allV4);
        rows.Add(new(AnyV4.ToString(), v4, Count(anyBoth, allV4, perhapsV4)));
        if (hasV6)
        {
            int both = Count(anyBoth, anyV6, allV4, allV6);
            rows.Add(new(AnyV6.ToString(), both, both));
        }

        rows.AddRange(addresses
            .Select(entry => (Address: entry.Key, InUse: entry.Key.IsV4 ? Count(entry.Value, anyV4, anyBoth) : Count(entry.Value, anyV6, anyBoth)))
            .OrderByDescending(row => row.InUse).ThenBy(row => row.Address.High).ThenBy(row => row.Address.Low)
            .Take(Math.Max(0, most - rows.Count))
            .Select(row => new UdpPortUse(row.Address.ToString(), row.InUse, row.InUse)));
        return rows.ToImmutable();
    }

    /// <summary>Addresses that are followed.</summary>
    public int Addresses => addresses.Count;

    private int Count(params ReadOnlySpan<BitArray> sets)
    {
        scratch.SetAll(false);
        foreach (BitArray set in sets)
        {
            scratch.Or(set);
        }

        int count = 0;
        for (int port = usable.Range.First; port <= usable.Range.Last; port++)
        {
            count += scratch[port] ? 1 : 0;
        }

        return count;
    }
}

/// <summary>Ports of the range that are taken from whoever binds to an address.</summary>
/// <param name="Address">The address; 0.0.0.0 and :: stand for sockets that choose none.</param>
/// <param name="InUse">Ports that are taken for certain.</param>
/// <param name="Possible">Ports that may be.</param>
internal readonly record struct UdpPortUse(string Address, int InUse, int Possible)
{
    /// <summary>Whether the row stands for sockets that choose no address.</summary>
    public bool IsAny => Address is "0.0.0.0" or "::";
}
