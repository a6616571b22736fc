using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Kernel.Proc;

/// <summary>A file of any length read line by line through one buffer, which is kept while the file is open. For one thread at a time.</summary>
public sealed unsafe class LineFile : IDisposable
{
    private const int BufferSize = 64 * 1024;
    private readonly byte[] pathBytes;
    private byte[] buffer = [];
    private DescriptorHandle? handle;
    private int start;
    private int end;

    /// <summary>A file by path; nothing is opened yet.</summary>
    /// <param name="path">The full path.</param>
    public LineFile(string path)
    {
        Path = path;
        pathBytes = Encoding.UTF8.GetBytes(path + '\0');
    }

    /// <summary>The full path.</summary>
    public string Path { get; }

    /// <summary>Opens the file anew and starts at its first line.</summary>
    /// <exception cref="KernelReadException">Absent where there is no such file; Denied; Broken for any other errno.</exception>
    public void Rewind()
    {
        Dispose();
        fixed (byte* path = pathBytes)
        {
            int descriptor = LibC.OpenAt(LibC.AtFdCwd, path, LibC.OpenReadOnly | LibC.OpenCloseOnExec);
            handle = descriptor >= 0 ? new DescriptorHandle(descriptor) : throw HiddenProc.FromErrno(Path, Marshal.GetLastPInvokeError());
        }

        buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
    }

    /// <summary>Reads the next line without its end; the span holds until the next call.</summary>
    /// <param name="line">The line.</param>
    /// <returns>False at the end of the file.</returns>
    /// <exception cref="KernelReadException">Broken for an errno, for a last line without its end, and for a line longer than the buffer of 64 KiB.</exception>
    public bool TryNextLine(out ReadOnlySpan<byte> line)
    {
        while (true)
        {
            ReadOnlySpan<byte> rest = buffer.AsSpan(start, end - start);
            int length = rest.IndexOf((byte)'\n');
            if (length >= 0)
            {
                line = rest[..length];
                start += length + 1;
                return true;
            }

            if (!Fill())
            {
                Lines.RefuseCut(Path, buffer.AsSpan(start, end - start));
                line = default;
                return false;
            }
        }
    }

    /// <summary>Closes the file and ends the span of its last line.</summary>
    public void Dispose()
    {
        handle?.Dispose();
        handle = null;
        start = end = 0;
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = [];
        }
    }

    private bool Fill()
    {
        int kept = end - start;
        if (kept == buffer.Length)
        {
            throw new KernelReadException(FailureKind.Broken, "too_large", $"{Path}: a line longer than {buffer.Length} bytes");
        }

        buffer.AsSpan(start, kept).CopyTo(buffer);
        start = 0;
        end = kept;
        fixed (byte* bytes = buffer)
        {
            nint got;
            do
            {
                got = LibC.Read(handle!.Value, bytes + end, buffer.Length - end);
            }
            while (got < 0 && Marshal.GetLastPInvokeError() == Errno.Interrupted);

            if (got < 0)
            {
                throw KernelReadException.FromErrno(Path, Marshal.GetLastPInvokeError());
            }

            end += (int)got;
            return got > 0;
        }
    }
}
