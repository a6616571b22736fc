using System.Runtime.InteropServices;
using System.Text;
using ConnExporter.Kernel.Bpf;

namespace ConnExporter.Fuzz.Decoders;

/// <summary>What the kernel says of its own types (BTF).</summary>
internal static class KernelTypes
{
    public static Decoder Btf() => new()
    {
        Name = "btf",
        Methods = ["Btf.Parse"],
        Seeds = [Small().ToBytes(), Kernel().ToBytes()],
        Words = Seeds.Texts("sock", "sk_err", "btf_trace_inet_sock_set_state"),
        Lengths = (input, dice) => input.Length < 40 ? (0, 0) : dice.Once(2) ? (8 + (4 * dice.Below(4)), 4) : (24 + (4 * dice.Below((input.Length - 24) / 4)), 2),
        Run = input =>
        {
            var btf = ConnExporter.Kernel.Bpf.Btf.Parse("btf", input);
            Promise.Holds(btf.Count * 12 <= input.Length, "more types than fit");
            int seen = btf.Member("sock"u8, "sk_err"u8) is { } error ? 1 + (int)(error.BitOffset % 7) : 0;
            seen += btf.Member("outer"u8, "deep"u8) is { } deep ? 8 + (int)(btf.SizeOf(deep.Type) ?? 0) % 7 : 0;
            uint function = btf.Find(BtfKind.Function, "call"u8);
            Promise.Holds(function <= btf.Count, "a type that is not there");
            Promise.Holds(btf.ParametersOf(function) is not { } parameters || parameters * 8 <= input.Length, "more parameters than fit");
            return (seen * 64) + (btf.ParametersOf(function) ?? 0) + (btf.Count << 10);
        },
    };

    /// <summary>One of each kind.</summary>
    public static BtfBuilder Small()
    {
        var btf = new BtfBuilder();
        uint number = btf.Add(BtfKind.Integer, "int", 4, 0, [0x0100_0020]);
        uint inner = btf.Add(BtfKind.Struct, "", 8, 2, [.. btf.Member("shallow", number, 0), .. btf.Member("deep", number, 32)]);
        uint union = btf.Add(BtfKind.Union, "", 8, 2, [.. btf.Member("", inner, 0), .. btf.Member("other", number, 0)]);
        btf.Add(BtfKind.Struct, "outer", 16, 2, [.. btf.Member("first", number, 0), .. btf.Member("", union, 64)]);
        uint prototype = btf.Add(BtfKind.FunctionPrototype, "", number, 2, [.. btf.Parameter("a", number), .. btf.Parameter("b", number)]);
        btf.Add(BtfKind.Function, "call", prototype, 1, []);
        btf.Add(BtfKind.Pointer, "", number, 0, []);
        btf.Add(BtfKind.Array, "", 0, 0, [number, number, 4]);
        btf.Add(BtfKind.Enum, "e", 4, 1, [.. btf.Parameter("one", 1)]);
        btf.Add(BtfKind.Enum64, "e64", 8, 1, [.. btf.Member("wide", 1, 0)]);
        btf.Add(BtfKind.Forward, "later", 0, 0, []);
        btf.Add(BtfKind.Variable, "v", number, 0, [1]);
        btf.Add(BtfKind.DataSection, ".data", 4, 1, [11, 0, 4]);
        btf.Add(BtfKind.Float, "double", 8, 0, []);
        btf.Add(BtfKind.DeclarationTag, "tag", number, 0, [0]);
        btf.Add(BtfKind.TypeTag, "rcu", number, 0, []);
        return btf;
    }

    /// <summary>What the programs look for, at places that no kernel has.</summary>
    public static BtfBuilder Kernel()
    {
        var btf = new BtfBuilder();
        uint half = btf.Add(BtfKind.Integer, "unsigned short", 2, 0, [16]);
        uint word = btf.Add(BtfKind.Integer, "int", 4, 0, [0x0100_0020]);
        uint wide = btf.Add(BtfKind.Integer, "long", 8, 0, [64]);
        uint alias = btf.Add(BtfKind.Typedef, "u16", half, 0, []);
        uint ports = btf.Add(BtfKind.Struct, "", 4, 2, [.. btf.Member("skc_dport", alias, 0), .. btf.Member("skc_num", alias, 16)]);
        uint union = btf.Add(BtfKind.Union, "", 4, 2, [.. btf.Member("skc_portpair", word, 0), .. btf.Member("", ports, 0)]);
        uint common = btf.Add(BtfKind.Struct, "sock_common", 16, 2, [.. btf.Member("skc_addrpair", wide, 0), .. btf.Member("", union, 96)]);
        uint group = btf.Add(BtfKind.Struct, "sock_cgroup_data", 8, 1, [.. btf.Member("cgroup", wide, 0)]);
        uint sock = btf.Add(
            BtfKind.Struct,
            "sock",
            64,
            6 | BtfBuilder.HasWidths,
            [.. btf.Member("__sk_common", common, 0), .. btf.Member("sk_err", word, 128), .. btf.Member("sk_shutdown", word, 162 | (2u << 24)), .. btf.Member("sk_protocol", alias, 176), .. btf.Member("sk_cgrp_data", group, 192), .. btf.Member("sk_max_ack_backlog", word, 256)]);
        uint inet = btf.Add(BtfKind.Struct, "inet_sock", 80, 2, [.. btf.Member("sk", sock, 0), .. btf.Member("inet_sport", alias, 528)]);
        uint connection = btf.Add(BtfKind.Struct, "inet_connection_sock", 96, 1, [.. btf.Member("icsk_inet", inet, 0)]);
        btf.Add(BtfKind.Struct, "tcp_sock", 128, 2, [.. btf.Member("inet_conn", connection, 0), .. btf.Member("packets_out", word, 800)]);
        btf.Add(BtfKind.Struct, "cgroup", 16, 1, [.. btf.Member("kn", wide, 64)]);
        btf.Add(BtfKind.Struct, "kernfs_node", 16, 1, [.. btf.Member("id", wide, 32)]);
        btf.Add(BtfKind.Struct, "task_struct", 4096, 2, [.. btf.Member("group_leader", wide, 8 * 2000), .. btf.Member("comm", wide, 8 * 3000)]);
        btf.Add(BtfKind.Typedef, "btf_trace_inet_sock_set_state", word, 0, []);
        uint prototype = btf.Add(BtfKind.FunctionPrototype, "", word, 3, [.. btf.Parameter("a", word), .. btf.Parameter("b", word), .. btf.Parameter("c", word)]);
        btf.Add(BtfKind.Function, "alloc_fd", prototype, 0, []);
        return btf;
    }
}

/// <summary>Writes BTF (linux/btf.h).</summary>
internal sealed class BtfBuilder
{
    /// <summary>Of a struct's number of members: that their offsets have widths of bit fields.</summary>
    public const uint HasWidths = 0x8000_0000;

    private readonly List<uint> types = [];
    private readonly List<byte> strings = [0];
    private uint count;

    /// <summary>Adds a type.</summary>
    /// <param name="kind">Its kind.</param>
    /// <param name="name">Its name; empty for none.</param>
    /// <param name="sizeOrType">Its size, or the type that it refers to.</param>
    /// <param name="entries">How many entries follow, and <see cref="HasWidths"/>.</param>
    /// <param name="behind">What follows.</param>
    /// <returns>Its number.</returns>
    public uint Add(BtfKind kind, string name, uint sizeOrType, uint entries, uint[] behind)
    {
        types.AddRange([Name(name), ((uint)kind << 24) | entries, sizeOrType, .. behind]);
        return ++count;
    }

    /// <summary>A member of a struct.</summary>
    public uint[] Member(string name, uint type, uint bitOffset) => [Name(name), type, bitOffset];

    /// <summary>A parameter of a prototype, or a value of an enum.</summary>
    public uint[] Parameter(string name, uint type) => [Name(name), type];

    /// <summary>All of it.</summary>
    public byte[] ToBytes()
    {
        uint length = (uint)types.Count * 4;
        uint[] header = [0x0001_eb9f, 24, 0, length, length, (uint)strings.Count];
        return [.. MemoryMarshal.AsBytes<uint>(header), .. MemoryMarshal.AsBytes<uint>(types.ToArray()), .. strings];
    }

    private uint Name(string name)
    {
        if (name.Length == 0)
        {
            return 0;
        }

        uint at = (uint)strings.Count;
        strings.AddRange([.. Encoding.ASCII.GetBytes(name), 0]);
        return at;
    }
}
