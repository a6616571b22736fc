using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Kernel;

/// <summary>A name in a directory that is held open: what was looked at is what is removed, whatever happens to the path.</summary>
internal sealed unsafe class DirectoryPlace : IDisposable
{
    // utimensat(2), UTIME_OMIT.
    private const long Omit = (1L << 30) - 2;
    private const int UnlockOperation = 8;
    private const int TypeMask = 0xf000;
    private const string PrivatePrefix = ".conn-exporter-";
    private const string NewSuffix = ".new";

    // A stranger who may read the directory can hold the lock for ever; it is worth no more than a short wait.
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LockPause = TimeSpan.FromMilliseconds(10);

    private readonly DescriptorHandle directory;
    private readonly byte[] name;
    private readonly bool canLock;

    /// <summary>Opens the directory of a path.</summary>
    /// <param name="path">The path.</param>
    /// <exception cref="UnixListenerException">There is no such directory, or it may not be opened.</exception>
    public DirectoryPlace(string path)
    {
        Directory = Path.GetDirectoryName(path) ?? "/";
        name = Encoding.UTF8.GetBytes(Path.GetFileName(path) + '\0');
        if (name.Length == 1)
        {
            throw new UnixListenerException("the path ends in '/': a socket needs a name");
        }

        // A directory that may be searched and not read will do, without the lock.
        int descriptor = Open(Directory, LibC.OpenReadOnly);
        canLock = descriptor >= 0;
        descriptor = canLock ? descriptor : Open(Directory, LibC.OpenPath);
        directory = descriptor >= 0 ? new DescriptorHandle(descriptor) : throw UnixListenerException.Of(path, Marshal.GetLastPInvokeError());
    }

    /// <summary>The path of the directory.</summary>
    public string Directory { get; }

    /// <summary>Whether the lock was waited for in vain: another process has kept it.</summary>
    public bool IsKeptLocked { get; private set; }

    /// <summary>Waits for the lock on the directory, but not for ever.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Whether it was got; false after a second, and where the directory may not be read.</returns>
    /// <exception cref="OperationCanceledException">The wait was ended.</exception>
    public bool Lock(CancellationToken cancellationToken = default)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (canLock)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (LibC.Lock(directory.Value, LibC.LockExclusive | LibC.LockNonBlock) == 0)
            {
                return true;
            }

            if (TimeProvider.System.GetElapsedTime(start) >= LockPatience)
            {
                IsKeptLocked = true;
                return false;
            }

            cancellationToken.WaitHandle.WaitOne(LockPause);
        }

        return false;
    }

    /// <summary>Gives the lock back.</summary>
    public void Unlock()
    {
        if (canLock)
        {
            _ = LibC.Lock(directory.Value, UnlockOperation);
        }
    }

    /// <summary>Looks at what is there; symbolic links are not followed.</summary>
    /// <returns>Null where there is nothing.</returns>
    /// <exception cref="UnixListenerException">It cannot be looked at.</exception>
    public FileStatus? Look() => Look(name);

    /// <summary>Looks at another name of the directory.</summary>
    /// <returns>Null where there is nothing.</returns>
    /// <exception cref="UnixListenerException">It cannot be looked at.</exception>
    public FileStatus? Look(string other) => Look(Bytes(other));

    /// <summary>A name that nobody else has, for what is being made.</summary>
    public static string NewName() => $"{PrivatePrefix}{Guid.NewGuid():N}{NewSuffix}";

    /// <summary>Whether one of <see cref="Left"/> is a name of <see cref="NewName"/>.</summary>
    public static bool IsNewName(string other) => other.EndsWith(NewSuffix, StringComparison.Ordinal);

    /// <summary>A path to a name in the directory that is held, which has room in a socket's address whatever the directory is called.</summary>
    public string ShortPathOf(string other)
    {
        string path = Path.Join(Directory, other);
        return Encoding.UTF8.GetByteCount(path) <= UnixListener.LongestPath ? path : $"/proc/self/fd/{directory.Value}/{other}";
    }

    /// <summary>The names of <see cref="NewName"/> and <see cref="TakeAway"/> that are in the directory; none where it may not be read.</summary>
    public IReadOnlyList<string> Left()
    {
        try
        {
            return [.. System.IO.Directory.EnumerateFileSystemEntries(Directory, PrivatePrefix + "*").Select(path => Path.GetFileName(path)).Where(IsPrivate)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>Gives what was made under another name its place, where nothing is there.</summary>
    /// <exception cref="UnixListenerException">Something is there, or it cannot be done.</exception>
    public void Put(string other)
    {
        byte[] from = Bytes(other);
        int errno = Rename(from, name);

        // A file system that cannot rename so, FUSE and NFS among them. Between the two calls it has both names.
        if (errno is Errno.Invalid or Errno.NotImplemented)
        {
            errno = Link(from, name);
            if (errno == 0)
            {
                Unlink(from);
            }
        }

        switch (errno)
        {
            case 0:
                return;
            case Errno.Exists:
                throw new UnixListenerException("another process has put something there meanwhile");
            case Errno.NoEntry:
                throw new UnixListenerException("another process has removed the socket as soon as it was made");
            default:
                throw new UnixListenerException($"the socket cannot be given its name: {Marshal.GetPInvokeErrorMessage(errno)}");
        }
    }

    /// <summary>Removes another name of the directory.</summary>
    /// <exception cref="UnixListenerException">It cannot be removed.</exception>
    public void Remove(string other) => Unlink(Bytes(other));

    /// <summary>Sets the time of the last modification to this second and a number of nanoseconds.</summary>
    /// <param name="other">The name in the directory.</param>
    /// <param name="nanoseconds">The nanoseconds.</param>
    /// <exception cref="UnixListenerException">It cannot be set.</exception>
    public void SetModified(string other, uint nanoseconds)
    {
        LibC.TimeSpec* times = stackalloc LibC.TimeSpec[2];
        times[0] = new LibC.TimeSpec { Nanoseconds = Omit };
        times[1] = new LibC.TimeSpec { Seconds = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds(), Nanoseconds = nanoseconds };
        fixed (byte* bytes = Bytes(other))
        {
            if (LibC.SetTimesAt(directory.Value, bytes, times, LibC.AtSymlinkNoFollow) != 0)
            {
                throw new UnixListenerException($"the socket cannot be marked as this program's: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
            }
        }
    }

    /// <summary>Removes what is there if it is what is expected. It is renamed first and looked at then; whatever else it is goes back to its place.</summary>
    /// <param name="expected">What is to be removed.</param>
    /// <exception cref="UnixListenerException">It cannot be removed, or something else cannot be put back.</exception>
    public void TakeAway(FileStatus expected)
    {
        byte[] aside = Bytes($"{PrivatePrefix}{Guid.NewGuid():N}");
        switch (Rename(name, aside))
        {
            case 0:
                break;
            case Errno.NoEntry:
                return;

            // A file system that cannot rename so (FUSE and NFS among them): looked at once more, as late as can be.
            case Errno.Invalid or Errno.NotImplemented:
                if (expected.IsSameAs(Look()))
                {
                    Unlink(name);
                }

                return;
            case var errno:
                throw new UnixListenerException($"the stale socket cannot be removed: {Marshal.GetPInvokeErrorMessage(errno)}");
        }

        if (expected.IsSameAs(Look(aside)))
        {
            Unlink(aside);
        }
        else if (Rename(aside, name) != 0)
        {
            throw new UnixListenerException($"other processes have put things there meanwhile; one of them is now {Path.Join(Directory, Encoding.UTF8.GetString(aside.AsSpan(..^1)))}");
        }
    }

    /// <summary>Closes the directory.</summary>
    public void Dispose() => directory.Dispose();

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text + '\0');

    private static bool IsPrivate(string other)
    {
        ReadOnlySpan<char> digits = other.AsSpan(PrivatePrefix.Length);
        digits = digits.EndsWith(NewSuffix) ? digits[..^NewSuffix.Length] : digits;
        return Guid.TryParseExact(digits, "N", out _);
    }

    private static int Open(string directory, int flags)
    {
        fixed (byte* bytes = Encoding.UTF8.GetBytes(directory + '\0'))
        {
            return LibC.OpenAt(LibC.AtFdCwd, bytes, flags | LibC.DirectoryFlag | LibC.OpenCloseOnExec);
        }
    }

    private FileStatus? Look(byte[] which)
    {
        LibC.StatxBuffer found;
        fixed (byte* bytes = which)
        {
            if (LibC.Statx(directory.Value, bytes, LibC.AtSymlinkNoFollow, LibC.StatxBasic, &found) != 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                return errno == Errno.NoEntry ? null : throw new UnixListenerException($"what is there cannot be looked at: {Marshal.GetPInvokeErrorMessage(errno)}");
            }
        }

        // tv_nsec has 32 bits in struct statx, with reserved ones behind it.
        return new FileStatus((ushort)(found.Mode & TypeMask), found.Inode, (found.DeviceMajor, found.DeviceMinor), (found.Modified.Seconds, (uint)found.Modified.Nanoseconds)) { User = found.User };
    }

    private int Rename(byte[] from, byte[] to)
    {
        fixed (byte* old = from)
        fixed (byte* next = to)
        {
            return LibC.RenameAt2(directory.Value, old, next, LibC.RenameNoReplace) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
    }

    private int Link(byte[] from, byte[] to)
    {
        fixed (byte* old = from)
        fixed (byte* next = to)
        {
            return LibC.LinkAt(directory.Value, old, directory.Value, next, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
    }

    private void Unlink(byte[] which)
    {
        fixed (byte* bytes = which)
        {
            if (LibC.UnlinkAt(directory.Value, bytes, 0) != 0 && Marshal.GetLastPInvokeError() is not Errno.NoEntry and var errno)
            {
                throw new UnixListenerException($"the stale socket cannot be removed: {Marshal.GetPInvokeErrorMessage(errno)}");
            }
        }
    }
}
