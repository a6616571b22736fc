using System.Runtime.InteropServices;

namespace ConnExporter.Kernel.Bpf;

/// <summary>
/// The types of the running kernel as it describes them itself (BTF, Documentation/bpf/btf.rst): ids of functions and tracepoints, and where
/// the members of structs lie. A view of bytes that somebody else keeps.
/// </summary>
/// <remarks>
/// The types of a kernel are some 150,000 records of different lengths in a row, numbered from 1. Each 256th position is kept, so that a type
/// is found by its number with little memory. A kind that is not known has an unknown length: then nothing behind it can be read.
/// </remarks>
public readonly ref struct Btf
{
    /// <summary>Where the kernel shows its own.</summary>
    internal const string KernelPath = "kernel/btf/vmlinux";

    private const ushort Magic = 0xeb9f;
    private const int HeaderLength = 24;
    private const int RecordLength = 12;
    private const int Step = 256;
    private const int DeepestNesting = 16;
    private readonly ReadOnlySpan<byte> types;
    private readonly ReadOnlySpan<byte> strings;
    private readonly List<int> positions;

    private Btf(ReadOnlySpan<byte> types, ReadOnlySpan<byte> strings, List<int> positions, int count)
    {
        this.types = types;
        this.strings = strings;
        this.positions = positions;
        Count = count;
    }

    /// <summary>How many types there are; the highest number.</summary>
    public int Count { get; }

    /// <summary>Checks the whole of it.</summary>
    /// <param name="path">Where it is from, for messages.</param>
    /// <param name="content">The bytes, in this machine's order.</param>
    /// <exception cref="KernelReadException">Broken: it is no BTF, or one with types that are not known here.</exception>
    public static Btf Parse(string path, ReadOnlySpan<byte> content)
    {
        if (content.Length < HeaderLength || MemoryMarshal.Read<ushort>(content) != Magic || content[2] != 1)
        {
            throw KernelReadException.Parse(path, "BTF of version 1 in this machine's byte order", content[..Math.Min(content.Length, 8)]);
        }

        uint header = Word(content, 4);
        ReadOnlySpan<byte> records = Section(path, content, header, Word(content, 8), Word(content, 12), "types");
        ReadOnlySpan<byte> texts = Section(path, content, header, Word(content, 16), Word(content, 20), "strings");
        if (texts.IsEmpty || texts[0] != 0 || texts[^1] != 0)
        {
            throw new KernelReadException(FailureKind.Broken, "parse", $"{path}: the strings of this BTF do not begin and end with NUL");
        }

        var begins = new List<int>();
        int at = 0;
        int count = 0;
        while (at < records.Length)
        {
            if (count % Step == 0)
            {
                begins.Add(at);
            }

            int length = records.Length - at < RecordLength ? -1 : LengthOf(records[at..]);
            if (length < 0 || length > records.Length - at)
            {
                throw new KernelReadException(FailureKind.Broken, "parse", $"{path}: type {count + 1} is cut, or of a kind that is not known here ({(records.Length - at < RecordLength ? -1 : (int)KindOf(records[at..]))})");
            }

            at += length;
            count++;
        }

        return new Btf(records, texts, begins, count);
    }

    /// <summary>Finds a type by kind and name.</summary>
    /// <returns>Its number; 0 where there is none.</returns>
    internal uint Find(BtfKind kind, ReadOnlySpan<byte> name)
    {
        int at = 0;
        for (uint id = 1; at < types.Length; id++)
        {
            ReadOnlySpan<byte> record = types[at..];
            if (KindOf(record) == kind && IsNamed(Word(record, 0), name))
            {
                return id;
            }

            at += LengthOf(record);
        }

        return 0;
    }

    /// <summary>Finds a member of a struct by name; in structs and unions without a name within it, too.</summary>
    /// <param name="structure">The struct.</param>
    /// <param name="member">The member.</param>
    /// <returns>Null where this kernel has no such struct or no such member.</returns>
    internal BtfMember? Member(ReadOnlySpan<byte> structure, ReadOnlySpan<byte> member) =>
        Find(BtfKind.Struct, structure) is not 0 and var id ? Member(id, member, 0, 0) : null;

    /// <summary>Finds a member of the struct that another member is.</summary>
    /// <param name="outer">The member; behind typedefs and qualifiers its type is a struct.</param>
    /// <param name="member">The member of that struct.</param>
    /// <returns>Counted from the outermost struct; null where there is none.</returns>
    internal BtfMember? Member(BtfMember outer, ReadOnlySpan<byte> member) => Member(outer.Type, member, outer.BitOffset, 0);

    /// <summary>How many parameters a function has.</summary>
    /// <param name="function">The number of a <see cref="BtfKind.Function"/>.</param>
    /// <returns>Null where that is not a function.</returns>
    internal int? ParametersOf(uint function)
    {
        if (!TryGet(function, out ReadOnlySpan<byte> record) || KindOf(record) != BtfKind.Function || !TryGet(Word(record, 8), out ReadOnlySpan<byte> prototype))
        {
            return null;
        }

        return KindOf(prototype) == BtfKind.FunctionPrototype ? EntriesOf(prototype) : null;
    }

    /// <summary>How many bytes a value of a type has, for integers, enums, structs and unions; null for others.</summary>
    internal uint? SizeOf(uint id) => Bare(id, out ReadOnlySpan<byte> record) is BtfKind.Integer or BtfKind.Enum or BtfKind.Enum64 or BtfKind.Struct or BtfKind.Union ? Word(record, 8) : null;

    private BtfMember? Member(uint id, ReadOnlySpan<byte> name, uint before, int depth)
    {
        if (depth > DeepestNesting || Bare(id, out ReadOnlySpan<byte> record) is not (BtfKind.Struct or BtfKind.Union))
        {
            return null;
        }

        // With the flag the offset has the width of a bit field in its highest byte.
        bool hasWidths = (Word(record, 4) & 0x8000_0000) != 0;
        int entries = EntriesOf(record);
        for (int i = 0; i < entries; i++)
        {
            ReadOnlySpan<byte> entry = record.Slice(RecordLength + (i * 12), 12);
            uint place = Word(entry, 8);
            uint offset = unchecked(before + (hasWidths ? place & 0xff_ffff : place));
            if (Word(entry, 0) == 0)
            {
                if (Member(Word(entry, 4), name, offset, depth + 1) is { } nested)
                {
                    return nested;
                }
            }
            else if (IsNamed(Word(entry, 0), name))
            {
                return new BtfMember(offset, hasWidths ? place >> 24 : 0, Word(entry, 4));
            }
        }

        return null;
    }

    // Behind typedefs and qualifiers. They may go round in what is damaged.
    private BtfKind Bare(uint id, out ReadOnlySpan<byte> record)
    {
        for (int depth = 0; depth <= DeepestNesting && TryGet(id, out record); depth++)
        {
            BtfKind kind = KindOf(record);
            if (kind is not (BtfKind.Typedef or BtfKind.Volatile or BtfKind.Const or BtfKind.Restrict or BtfKind.TypeTag))
            {
                return kind;
            }

            id = Word(record, 8);
        }

        record = default;
        return BtfKind.Void;
    }

    private bool TryGet(uint id, out ReadOnlySpan<byte> record)
    {
        record = default;
        if (id == 0 || id > (uint)Count)
        {
            return false;
        }

        int at = positions[(int)(id - 1) / Step];
        for (uint i = (id - 1) % Step; i > 0; i--)
        {
            at += LengthOf(types[at..]);
        }

        record = types[at..];
        return true;
    }

    private bool IsNamed(uint offset, ReadOnlySpan<byte> name) =>
        offset < strings.Length && strings.Length - offset > name.Length && strings[(int)offset..].StartsWith(name) && strings[(int)offset + name.Length] == 0;

    private static BtfKind KindOf(ReadOnlySpan<byte> record) => (BtfKind)(Word(record, 4) >> 24 & 0x1f);

    private static int EntriesOf(ReadOnlySpan<byte> record) => (int)(Word(record, 4) & 0xffff);

    // With what follows the record (linux/btf.h); below 0 for a kind that is not known.
    private static int LengthOf(ReadOnlySpan<byte> record)
    {
        int entries = EntriesOf(record);
        int behind = KindOf(record) switch
        {
            BtfKind.Integer or BtfKind.Variable or BtfKind.DeclarationTag => 4,
            BtfKind.Array => 12,
            BtfKind.Struct or BtfKind.Union or BtfKind.DataSection or BtfKind.Enum64 => 12 * entries,
            BtfKind.Enum or BtfKind.FunctionPrototype => 8 * entries,
            BtfKind.Pointer or BtfKind.Forward or BtfKind.Typedef or BtfKind.Volatile or BtfKind.Const or BtfKind.Restrict or BtfKind.Function or BtfKind.Float or BtfKind.TypeTag => 0,
            _ => -RecordLength - 1,
        };
        return RecordLength + behind;
    }

    private static uint Word(ReadOnlySpan<byte> bytes, int offset) => MemoryMarshal.Read<uint>(bytes[offset..]);

    private static ReadOnlySpan<byte> Section(string path, ReadOnlySpan<byte> content, uint header, uint offset, uint length, string name)
    {
        ulong begin = (ulong)header + offset;
        return header >= HeaderLength && begin + length <= (ulong)content.Length
            ? content.Slice((int)begin, (int)length)
            : throw new KernelReadException(FailureKind.Broken, "parse", $"{path}: the {name} of this BTF lie outside of it");
    }
}

/// <summary>What a type of BTF is (linux/btf.h, BTF_KIND_*).</summary>
internal enum BtfKind
{
    Void = 0,
    Integer = 1,
    Pointer = 2,
    Array = 3,
    Struct = 4,
    Union = 5,
    Enum = 6,
    Forward = 7,
    Typedef = 8,
    Volatile = 9,
    Const = 10,
    Restrict = 11,
    Function = 12,
    FunctionPrototype = 13,
    Variable = 14,
    DataSection = 15,
    Float = 16,
    DeclarationTag = 17,
    TypeTag = 18,
    Enum64 = 19,
}

/// <summary>Where a member lies in a struct.</summary>
/// <param name="BitOffset">From the struct's begin, in bits; members of nested structs without a name count from there too.</param>
/// <param name="Bits">The width of a bit field; 0 where it is none.</param>
/// <param name="Type">The id of its type.</param>
internal readonly record struct BtfMember(uint BitOffset, uint Bits, uint Type)
{
    /// <summary>The byte that it begins in.</summary>
    public short Offset => checked((short)(BitOffset / 8));

    /// <summary>The bit of that byte that it begins at.</summary>
    public int Shift => (int)(BitOffset % 8);
}
