using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Kernel.Proc;

/// <summary>One file of a proc or sysctl tree, with its descriptor and its buffer kept between reads. For one thread at a time.</summary>
/// <remarks>
/// <c>pread</c> on a kept descriptor makes the kernel render the file anew and costs half of what opening it again would. A read that fails
/// closes the descriptor: the next one opens again and so finds a module that was loaded or a namespace that went away. The buffer is the
/// pool's again when the file is closed, so that the files of a thousand namespaces, read in turn, take no more memory than those of one.
/// </remarks>
public sealed unsafe class ProcFile : IDisposable
{
    /// <summary>No file read this way comes near it; what does is not what it claims to be.</summary>
    internal const int SizeLimit = 4 * 1024 * 1024;
    private const int FirstBuffer = 4096;

    private readonly byte[] pathBytes;
    private byte[] buffer = [];
    private readonly SharedDescriptors? descriptors;
    private SharedDescriptors.Shared? shared;
    private DescriptorHandle? handle;

    /// <summary>A file by path; nothing is opened yet.</summary>
    /// <param name="path">The full path.</param>
    public ProcFile(string path)
        : this(path, descriptors: null)
    {
    }

    /// <summary>A file that others may read, too.</summary>
    /// <param name="path">The full path.</param>
    /// <param name="descriptors">Those that they share; null for a descriptor of its own.</param>
    internal ProcFile(string path, SharedDescriptors? descriptors)
    {
        this.descriptors = descriptors;
        Path = path;
        pathBytes = Encoding.UTF8.GetBytes(path + '\0');
    }

    /// <summary>The full path.</summary>
    public string Path { get; }

    /// <summary>Reads the whole file; the span holds until the next call.</summary>
    /// <exception cref="KernelReadException">
    /// Absent where there is no such file, Denied where the kernel refuses, Broken for any other errno and above 4 MiB.
    /// </exception>
    public ReadOnlySpan<byte> Read()
    {
        try
        {
            Open();
            int length = 0;
            bool grown = false;
            while (true)
            {
                if (length == buffer.Length)
                {
                    Grow();
                    grown = true;
                }

                int got = ReadAt(length);
                if (got > 0)
                {
                    length += got;
                    grown = false;
                }
                else if (grown && length > 0)
                {
                    // The content filled the buffer to its last byte. A sysctl gives nothing from an offset above 0: it was cut there
                    // (kernel/sysctl.c:proc_do_large_bitmap). With the larger buffer one read gets all of it.
                    length = 0;
                    grown = false;
                }
                else
                {
                    return buffer.AsSpan(0, length);
                }
            }
        }
        catch (KernelReadException)
        {
            Close(failed: true);
            throw;
        }
    }

    /// <summary>Reads a file of one unsigned number, as most sysctls are.</summary>
    /// <exception cref="KernelReadException">As <see cref="Read"/>; Broken where the content is not one number.</exception>
    public ulong ReadNumber()
    {
        ReadOnlySpan<byte> content = Read();
        Lines.RefuseCut(Path, content);
        var fields = new Fields(content);
        return fields.TryNextNumber(out ulong value) && fields.AtEnd ? value : throw KernelReadException.Parse(Path, "one number", content);
    }

    /// <summary>Reads a number that not every kernel, or not every network namespace, has.</summary>
    /// <returns>Null where there is no such file; any other failure is thrown.</returns>
    /// <exception cref="KernelReadException">As <see cref="ReadNumber"/>, but for Absent.</exception>
    public ulong? ReadNumberIfThere()
    {
        try
        {
            return ReadNumber();
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
        {
            return null;
        }
    }

    /// <summary>Closes the descriptor and ends every span that was read; a later read opens it again.</summary>
    public void Dispose() => Close(failed: false);

    private void Open()
    {
        if (shared is { HasFailed: true } old)
        {
            (shared, handle) = (null, null);
            descriptors!.Leave(old, failed: false);
        }

        if (handle is null && descriptors is not null)
        {
            shared = descriptors.Take(Path, OpenOwn);
            handle = shared.Handle;
        }

        handle ??= OpenOwn();
    }

    private void Close(bool failed)
    {
        if (shared is not null)
        {
            descriptors!.Leave(shared, failed);
        }
        else
        {
            handle?.Dispose();
        }

        shared = null;
        handle = null;
        UseBuffer([]);
    }

    private DescriptorHandle OpenOwn()
    {
        fixed (byte* path = pathBytes)
        {
            while (true)
            {
                int descriptor = LibC.OpenAt(LibC.AtFdCwd, path, LibC.OpenReadOnly | LibC.OpenCloseOnExec);
                if (descriptor >= 0)
                {
                    return new DescriptorHandle(descriptor);
                }

                int errno = Marshal.GetLastPInvokeError();
                if (errno != Errno.Interrupted)
                {
                    throw HiddenProc.FromErrno(Path, errno);
                }
            }
        }
    }

    private int ReadAt(int offset)
    {
        fixed (byte* bytes = buffer)
        {
            while (true)
            {
                nint got = LibC.PRead(handle!.Value, bytes + offset, buffer.Length - offset, offset);
                if (got >= 0)
                {
                    return (int)got;
                }

                int errno = Marshal.GetLastPInvokeError();
                if (errno != Errno.Interrupted)
                {
                    throw KernelReadException.FromErrno(Path, errno);
                }
            }
        }
    }

    private void Grow()
    {
        if (buffer.Length >= SizeLimit)
        {
            throw new KernelReadException(FailureKind.Broken, "too_large", $"{Path}: more than {SizeLimit} bytes");
        }

        byte[] larger = ArrayPool<byte>.Shared.Rent(buffer.Length == 0 ? FirstBuffer : buffer.Length * 2);
        buffer.CopyTo(larger, 0);
        UseBuffer(larger);
    }

    private void UseBuffer(byte[] next)
    {
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        buffer = next;
    }
}
