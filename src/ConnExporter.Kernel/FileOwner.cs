using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ConnExporter.Kernel;

/// <summary>Whose a file is, of what kind, and who else may write it (statx(2)).</summary>
/// <param name="User">The uid of its owner, as this process's user namespace has it.</param>
/// <param name="Mode">Kind and permissions, as <c>st_mode</c> has them. An access list that lets others write shows in the bits of the group, which are its mask.</param>
public readonly record struct FileOwner(uint User, int Mode)
{
    private const int KindMask = 0xf000;
    private const int Directory = 0x4000;
    private const int Regular = 0x8000;
    private const int Link = 0xa000;
    private const int WriteOfOthers = 0b000_010_010;
    private const int Sticky = 0x200;
    private const int Permissions = 0xfff;
    private const uint ReadAndWriteOfOwner = 0b110_000_000;

    /// <summary>What standard input is; null where it cannot be looked at.</summary>
    public static FileOwner? OfStandardInput => OfTarget("/proc/self/fd/0");

    /// <summary>The user this process acts as.</summary>
    public static uint Own { get; } = LibC.EffectiveUser();

    /// <summary>Whether it is a directory.</summary>
    public bool IsDirectory => (Mode & KindMask) == Directory;

    /// <summary>Whether it is a file, and no link, pipe, socket or device.</summary>
    public bool IsRegularFile => (Mode & KindMask) == Regular;

    /// <summary>Whether it is a symbolic link.</summary>
    public bool IsLink => (Mode & KindMask) == Link;

    /// <summary>Whether more than its owner may write it: a group, or everybody.</summary>
    public bool OthersMayWrite => (Mode & WriteOfOthers) != 0;

    /// <summary>Of a directory: whether what is in it can be removed and renamed only by its owner.</summary>
    public bool IsSticky => (Mode & Sticky) != 0;

    /// <summary>Looks at a file; a link is not followed. Takes no descriptor.</summary>
    /// <returns>Null where it cannot be looked at.</returns>
    public static FileOwner? Of(string path) => Of(path, LibC.AtSymlinkNoFollow);

    /// <summary>Looks at what a path leads to, by way of any link.</summary>
    /// <returns>Null where it cannot be looked at.</returns>
    public static FileOwner? OfTarget(string path) => Of(path, 0);

    /// <summary>Why what is at a path, by way of any link, is not to be opened as a file: a pipe without a writer would hold whoever opens it.</summary>
    /// <returns>Null where it is a file, or cannot be looked at: opening it tells why.</returns>
    public static string? WhyNoFile(string path) => OfTarget(path) is { IsRegularFile: false } other ? other.IsDirectory ? "is a directory" : "is no regular file" : null;

    /// <summary>Opens a regular file to read it. No link is followed, and nothing else is waited for: a pipe without a writer would hold whoever opens it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="owner">Whose the file is that was opened.</param>
    /// <exception cref="IOException">It cannot be opened, or is something else; the message says which.</exception>
    public static unsafe SafeFileHandle OpenRegular(string path, out FileOwner owner)
    {
        // Looked at before it is opened: opening a device can already do something.
        if (Of(path) is { IsRegularFile: false } other)
        {
            throw new IOException(other.IsLink ? "a symbolic link, which is not followed" : "no regular file");
        }

        int descriptor;
        fixed (byte* name = Name(path))
        {
            descriptor = LibC.OpenAt(LibC.AtFdCwd, name, LibC.OpenReadOnly | LibC.OpenNonBlock | LibC.NoFollowFlag | LibC.OpenCloseOnExec);
        }

        if (descriptor < 0)
        {
            throw new IOException(Marshal.GetLastPInvokeErrorMessage(), Marshal.GetLastPInvokeError());
        }

        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            owner = Of(handle);
            if (!owner.IsRegularFile)
            {
                throw new IOException("no regular file");
            }
        }
        catch (IOException)
        {
            handle.Dispose();
            throw;
        }

        return handle;
    }

    /// <summary>Takes the right to write an open file from all but its owner, as a umask of 022 would have.</summary>
    /// <exception cref="IOException">It cannot be done.</exception>
    public static void KeepOthersFromWriting(SafeFileHandle file)
    {
        FileOwner owner = Of(file);
        if (owner.OthersMayWrite && LibC.ChangeModeOf((int)file.DangerousGetHandle(), (uint)(owner.Mode & Permissions & ~WriteOfOthers)) != 0)
        {
            throw new IOException(Marshal.GetLastPInvokeErrorMessage());
        }
    }

    /// <summary>Lets nobody but its owner, and root, use a file.</summary>
    /// <exception cref="IOException">It cannot be done.</exception>
    public static unsafe void KeepToOwner(string path)
    {
        fixed (byte* name = Name(path))
        {
            if (LibC.ChangeMode(name, ReadAndWriteOfOwner) != 0)
            {
                throw new IOException(Marshal.GetLastPInvokeErrorMessage());
            }
        }
    }

    private static unsafe FileOwner? Of(string path, int flags)
    {
        LibC.StatxBuffer file = default;
        fixed (byte* name = Name(path))
        {
            return LibC.Statx(LibC.AtFdCwd, name, flags, LibC.StatxBasic, &file) == 0 ? new FileOwner(file.User, file.Mode) : null;
        }
    }

    private static unsafe FileOwner Of(SafeFileHandle handle)
    {
        LibC.StatxBuffer file = default;
        byte nothing = 0;
        return LibC.Statx((int)handle.DangerousGetHandle(), &nothing, LibC.AtEmptyPath, LibC.StatxBasic, &file) == 0
            ? new FileOwner(file.User, file.Mode)
            : throw new IOException(Marshal.GetLastPInvokeErrorMessage(), Marshal.GetLastPInvokeError());
    }

    private static byte[] Name(string path) => [.. Encoding.UTF8.GetBytes(path), 0];
}
