namespace ConnExporter.Kernel;

/// <summary>What is known of a file without opening it.</summary>
/// <param name="Type">The type bits of st_mode (inode(7)).</param>
/// <param name="Inode">The inode number.</param>
/// <param name="Device">The device, major and minor number.</param>
/// <param name="Modified">The time of the last modification: seconds and nanoseconds.</param>
internal readonly record struct FileStatus(ushort Type, ulong Inode, (uint Major, uint Minor) Device, (long Seconds, uint Nanoseconds) Modified)
{
    /// <summary>The owner's id.</summary>
    public uint User { get; init; }

    /// <summary>Whether it is the file of a Unix socket.</summary>
    public bool IsSocket => Type == 0xc000;

    /// <summary>What it is, for messages.</summary>
    public string Kind => Type switch
    {
        0x8000 => "a regular file",
        0x4000 => "a directory",
        0xa000 => "a symbolic link",
        0xc000 => "a socket",
        0x2000 => "a character device",
        0x6000 => "a block device",
        0x1000 => "a FIFO",
        _ => "something",
    };

    /// <summary>Whether it is the same file, which may have been given other permissions or another owner meanwhile.</summary>
    public bool IsSameAs(FileStatus? other) => other is { } file && this with { User = file.User } == file;
}
