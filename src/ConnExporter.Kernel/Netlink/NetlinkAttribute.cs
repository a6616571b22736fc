using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ConnExporter.Kernel.Netlink;

/// <summary>The attributes behind the fixed part of a record: <c>struct nlattr</c> (linux/netlink.h), one behind the other, read in place.</summary>
internal static class NetlinkAttribute
{
    /// <summary>Bytes before the value: length and type.</summary>
    public const int HeaderSize = 4;

    /// <summary>The length of the first attribute, header and all.</summary>
    /// <param name="rest">Attributes, at least one byte of them.</param>
    /// <param name="source">Whose record it is, for the message.</param>
    /// <exception cref="KernelReadException">It does not fit into what is there.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Check(ReadOnlySpan<byte> rest, string source)
    {
        int length = rest.Length >= HeaderSize ? MemoryMarshal.Read<ushort>(rest) : 0;
        return length >= HeaderSize && length <= rest.Length ? length : throw Refused(source, length, rest.Length);
    }

    /// <summary>The type of the first attribute, without the two flags of its upper bits (NLA_F_NESTED, NLA_F_NET_BYTEORDER).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int TypeOf(ReadOnlySpan<byte> attribute) => MemoryMarshal.Read<ushort>(attribute[2..]) & 0x3fff;

    /// <summary>What comes behind the first one. Attributes start at multiples of 4; the last one may come without its padding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ReadOnlySpan<byte> After(ReadOnlySpan<byte> rest)
    {
        int aligned = (MemoryMarshal.Read<ushort>(rest) + 3) & ~3;
        return aligned >= rest.Length ? default : rest[aligned..];
    }

    /// <summary>Finds one by its type.</summary>
    /// <param name="attributes">Attributes that were checked.</param>
    /// <param name="type">The type.</param>
    /// <param name="value">Its bytes.</param>
    public static bool TryFind(ReadOnlySpan<byte> attributes, byte type, out ReadOnlySpan<byte> value)
    {
        for (ReadOnlySpan<byte> rest = attributes; !rest.IsEmpty; rest = After(rest))
        {
            if (TypeOf(rest) == type)
            {
                value = rest[HeaderSize..MemoryMarshal.Read<ushort>(rest)];
                return true;
            }
        }

        value = default;
        return false;
    }

    private static KernelReadException Refused(string source, int length, int left) => KernelReadException.Protocol($"{source}: an attribute of {length} bytes in a record with {left} left");
}
