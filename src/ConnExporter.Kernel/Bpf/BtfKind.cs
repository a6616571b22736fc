namespace ConnExporter.Kernel.Bpf;

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
