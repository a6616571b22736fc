using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Kernel;

/// <summary>
/// A listening Unix stream socket and the file that it is reached by. What is in its way is removed only where it is known to be a socket that a process of
/// this program left behind; at the end the file is removed only where it is still this one.
/// </summary>
/// <remarks>
/// The file of a socket says nothing of its maker, so each gets a mark: the nanoseconds of its modification time, which connect() leaves alone. A file system
/// that does not keep them costs the replacement of a stale socket, never somebody else's file.
/// <para>It is bound under a name of its own and comes to its path marked and listening: killed at any moment, a process leaves a socket that the next one
/// knows. The kernel goes on calling it by the first name (<c>ss -xl</c>).</para>
/// <para>Processes of this program take turns by a lock on the directory: one removes what another was killed over.</para>
/// </remarks>
public sealed unsafe class UnixListener : IDisposable
{
    /// <summary>The longest path in bytes (unix(7): sun_path has 108, the last one a NUL).</summary>
    public const int LongestPath = 107;

    /// <summary>The nanoseconds by which a socket of ours is known.</summary>
    internal const uint Mark = 905_790_579;

    private readonly DirectoryPlace place;
    private readonly FileStatus file;
    private bool removed;

    private UnixListener(DirectoryPlace place, Socket socket, FileStatus file)
    {
        this.place = place;
        Socket = socket;
        this.file = file;
    }

    /// <summary>Its directory, where another process kept that locked and was not waited for any longer; else null. What was left by killed processes is still there then.</summary>
    public string? KeptLocked => place.IsKeptLocked ? place.Directory : null;

    /// <summary>The socket.</summary>
    public Socket Socket { get; }

    /// <summary>Makes a socket that listens.</summary>
    /// <param name="path">An absolute path of at most <see cref="LongestPath"/> bytes.</param>
    /// <param name="backlog">The longest queue of connections that wait to be accepted.</param>
    /// <param name="ownerOnly">Whether nobody but its user (and root) may connect, whatever the umask.</param>
    /// <param name="cancellationToken">Ends the wait for other processes.</param>
    /// <exception cref="UnixListenerException">Something is there that is not removed, or a call failed; the message says which.</exception>
    /// <exception cref="OperationCanceledException">The wait was ended; nothing was made.</exception>
    public static UnixListener Listen(string path, int backlog, bool ownerOnly = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        var where = new DirectoryPlace(path);
        try
        {
            // Without the lock another process may be between bind() and its end: then nothing of it is removed.
            if (where.Lock(cancellationToken))
            {
                RemoveLeft(where);
            }

            Clear(path, where);
            UnixListener made = Make(path, where, backlog, ownerOnly);
            where.Unlock();
            return made;
        }
        catch
        {
            // Which gives the lock back too.
            where.Dispose();
            throw;
        }
    }

    /// <summary>Removes the file, where it is still the one that was made here.</summary>
    /// <returns>Why it is still there; null where it is gone, or is another one by now.</returns>
    public string? Remove()
    {
        if (removed)
        {
            return null;
        }

        removed = true;
        try
        {
            if (file.IsSameAs(place.Look()))
            {
                place.TakeAway(file);
            }

            return null;
        }
        catch (UnixListenerException e)
        {
            return e.Message;
        }
    }

    /// <summary>Removes the file as <see cref="Remove"/> does, and closes the socket.</summary>
    public void Dispose()
    {
        Remove();
        Socket.Dispose();
        place.Dispose();
    }

    private static void Clear(string path, DirectoryPlace place)
    {
        if (place.Look() is not { } there)
        {
            return;
        }

        if (!there.IsSocket)
        {
            throw new UnixListenerException($"{there.Kind} is there, which is no socket; it is left as it is");
        }

        int errno = Probe(path);
        switch (errno)
        {
            case Errno.NoEntry:
                return;
            case Errno.ConnectionRefused:
                break;
            case 0 or Errno.TryAgain or Errno.InProgress:
                throw new UnixListenerException("another process listens there");
            case Errno.WrongSocketType:
                throw new UnixListenerException("a socket that is no stream socket is there, which another process has open; it is left as it is");
            default:
                throw new UnixListenerException($"a socket is there that cannot be tried ({Marshal.GetPInvokeErrorMessage(errno)}); it is left as it is");
        }

        if (there.User != LibC.EffectiveUser())
        {
            throw new UnixListenerException($"a socket of user {there.User} is there, which nobody listens on; this process is user {LibC.EffectiveUser()} and leaves it as it is");
        }

        if (there.Modified.Nanoseconds != Mark)
        {
            throw new UnixListenerException("a socket is there, which nobody listens on but this program did not make; it is left as it is");
        }

        place.TakeAway(there);
    }

    // What processes were killed over. One that was being made is ours by its name; one that was being taken away may have come from anybody.
    private static void RemoveLeft(DirectoryPlace place)
    {
        foreach (string name in place.Left())
        {
            if (place.Look(name) is { IsSocket: true } left && left.User == LibC.EffectiveUser()
                && (left.Modified.Nanoseconds == Mark || DirectoryPlace.IsNewName(name))
                && Probe(place.ShortPathOf(name)) == Errno.ConnectionRefused)
            {
                place.Remove(name);
            }
        }
    }

    private static UnixListener Make(string path, DirectoryPlace place, int backlog, bool ownerOnly)
    {
        int descriptor = LibC.Socket(LibC.AfUnix, LibC.SockStream | LibC.SockCloseOnExec, 0);
        if (descriptor < 0)
        {
            throw UnixListenerException.Of(path, Marshal.GetLastPInvokeError());
        }

        var handle = new SafeSocketHandle(descriptor, ownsHandle: true);
        string name = DirectoryPlace.NewName();
        bool isBound = false;
        try
        {
            string own = place.ShortPathOf(name);
            int errno = Call(own, descriptor, connect: false);
            if (errno != 0)
            {
                throw UnixListenerException.Of(path, errno);
            }

            isBound = true;
            if (ownerOnly)
            {
                FileOwner.KeepToOwner(own);
            }

            place.SetModified(name, Mark);
            FileStatus status = place.Look(name) ?? throw new UnixListenerException("another process has removed the socket as soon as it was made");
            var socket = new Socket(handle);
            socket.Listen(backlog);
            place.Put(name);
            return new UnixListener(place, socket, status);
        }
        catch (Exception e)
        {
            handle.Dispose();
            if (isBound)
            {
                place.Remove(name);
            }

            throw e switch
            {
                SocketException failed => UnixListenerException.Of(path, failed.NativeErrorCode),
                IOException and not UnixListenerException => new UnixListenerException(e.Message),
                _ => e,
            };
        }
    }

    // A full queue answers EAGAIN here, where a socket that blocks would wait.
    private static int Probe(string path)
    {
        int descriptor = LibC.Socket(LibC.AfUnix, LibC.SockStream | LibC.SockCloseOnExec | LibC.SockNonBlock, 0);
        if (descriptor < 0)
        {
            return Marshal.GetLastPInvokeError();
        }

        using var probe = new DescriptorHandle(descriptor);
        return Call(path, descriptor, connect: true);
    }

    // struct sockaddr_un: the family and the path with its NUL.
    private static int Call(string path, int descriptor, bool connect)
    {
        const int Family = 2;
        byte* address = stackalloc byte[Family + LongestPath + 1];
        *(ushort*)address = LibC.AfUnix;
        int length = Encoding.UTF8.GetBytes(path, new Span<byte>(address + Family, LongestPath));
        address[Family + length] = 0;
        uint size = (uint)(Family + length + 1);
        int result = connect ? LibC.Connect(descriptor, address, size) : LibC.Bind(descriptor, address, size);
        return result == 0 ? 0 : Marshal.GetLastPInvokeError();
    }
}

/// <summary>There can be no socket at a path. The message says why, in one line, without the path itself.</summary>
public sealed class UnixListenerException(string message) : IOException(message)
{
    /// <summary>A call that failed while the socket was made.</summary>
    /// <param name="path">The path of the socket.</param>
    /// <param name="errno">The error number.</param>
    internal static UnixListenerException Of(string path, int errno)
    {
        string directory = Path.GetDirectoryName(path) ?? "/";
        return new UnixListenerException(errno switch
        {
            Errno.NoEntry => $"there is no directory {directory}",
            Errno.NotDirectory => $"something on the way to {directory} is no directory",
            Errno.AccessDenied or Errno.NotPermitted => $"user {LibC.EffectiveUser()} may not make a file in {directory} (errno {errno})",
            Errno.ReadOnlyFileSystem => $"{directory} is on a file system that is read-only",
            Errno.NameTooLong => "a part of the path is longer than the file system permits",
            Errno.TooManyLinks => $"the symbolic links on the way to {directory} go in circles, or there are too many",
            _ => Marshal.GetPInvokeErrorMessage(errno),
        });
    }
}
