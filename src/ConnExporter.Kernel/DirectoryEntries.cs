using System.Runtime.InteropServices;

namespace ConnExporter.Kernel;

/// <summary>One entry of a directory, in place in the buffer it was read into.</summary>
internal readonly ref struct DirectoryEntry
{
    // struct linux_dirent64: inode 0:8, offset 8:8, record length 16:2, type 18:1, name 19, ended by NUL.
    private const int NameOffset = 19;
    private readonly ReadOnlySpan<byte> record;

    public DirectoryEntry(ReadOnlySpan<byte> record) => this.record = record;

    public ulong Inode => MemoryMarshal.Read<ulong>(record);

    /// <summary>Where the directory goes on after this entry; of meaning to the file system alone.</summary>
    public long Next => MemoryMarshal.Read<long>(record[8..]);

    /// <summary>A <c>DT_</c> constant; 0 where the file system does not say.</summary>
    public byte Type => record[18];

    public ReadOnlySpan<byte> Name
    {
        get
        {
            ReadOnlySpan<byte> name = record[NameOffset..];
            return name[..name.IndexOf((byte)0)];
        }
    }

    /// <summary>The name and the NUL behind it, as a system call takes it.</summary>
    public ReadOnlySpan<byte> NameAndNul => record.Slice(NameOffset, Name.Length + 1);
}

/// <summary>Reads the entries of open directories through one kept buffer, without "." and "..". For one thread and one directory at a time.</summary>
internal sealed unsafe class DirectoryEntries(int bufferSize)
{
    private readonly byte[] buffer = GC.AllocateUninitializedArray<byte>(bufferSize, pinned: true);
    private int position;
    private int filled;

    /// <summary>Forgets what is left of the directory read before.</summary>
    public void Clear() => position = filled = 0;

    /// <summary>The next entry; it holds until the next call.</summary>
    /// <param name="directory">The open directory.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="room">How much of the buffer to use: little room makes the kernel list few entries.</param>
    /// <exception cref="KernelReadException">The directory cannot be read; Absent where it is gone.</exception>
    public bool TryNext(int directory, out DirectoryEntry entry, int room = int.MaxValue)
    {
        while (true)
        {
            if (position >= filled)
            {
                fixed (byte* bytes = buffer)
                {
                    nint got = LibC.GetDents64(directory, bytes, Math.Min(room, buffer.Length));
                    if (got < 0)
                    {
                        filled = 0;
                        throw KernelReadException.FromErrno("getdents64", Marshal.GetLastPInvokeError());
                    }

                    filled = (int)got;
                    position = 0;
                }

                if (filled == 0)
                {
                    entry = default;
                    return false;
                }
            }

            ReadOnlySpan<byte> record = buffer.AsSpan(position, filled - position);
            int length = MemoryMarshal.Read<ushort>(record[16..]);
            position += length;
            entry = new DirectoryEntry(record[..length]);
            ReadOnlySpan<byte> name = entry.Name;
            if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
            {
                return true;
            }
        }
    }
}
