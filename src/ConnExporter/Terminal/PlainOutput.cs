using Microsoft.Win32.SafeHandles;

namespace ConnExporter.Terminal;

/// <summary>Standard output and standard error that are only written to.</summary>
internal static class PlainOutput
{
    private static long lost;

    /// <summary>How many writes to standard error have failed.</summary>
    public static long LostErrors => Interlocked.Read(ref lost);

    /// <summary>Puts them in the place of the framework's own, which switch a terminal to another mode (<c>ESC[?1h</c>) before the first character.</summary>
    public static void Use()
    {
        Console.SetOut(To(1));
        Console.SetError(To(2));
    }

    /// <summary>
    /// The stream of standard output (1) or standard error (2). Output that cannot be written throws <see cref="OutputException"/>; what cannot be said on standard
    /// error can be said nowhere, and is counted.
    /// </summary>
    public static Stream Open(int descriptor) => new StandardStream(
        () => OpenPlain(descriptor),
        descriptor == 1 ? e => throw new OutputException(e) : _ => Interlocked.Increment(ref lost));

    /// <summary>Writes a JSON document and a line end to standard output: UTF-8 whatever the locale is (RFC 8259), as another character set may have no such characters, or others in their place.</summary>
    /// <exception cref="OutputException">It cannot be written.</exception>
    public static void WriteJson(ReadOnlySpan<byte> document)
    {
        using Stream output = Open(1);
        output.Write(document);
        output.Write("\n"u8);
    }

    private static Stream OpenPlain(int descriptor) => descriptor switch
    {
        1 when Console.IsOutputRedirected => Console.OpenStandardOutput(),
        2 when Console.IsErrorRedirected => Console.OpenStandardError(),

        // Not the framework's stream for it, which does the same. A terminal has no position to write at, where a file would have one.
        _ => new FileStream(new SafeFileHandle(descriptor, ownsHandle: false), FileAccess.Write, bufferSize: 0),
    };

    private static StreamWriter To(int descriptor) => new(Open(descriptor), Console.OutputEncoding) { AutoFlush = true };
}

/// <summary>Standard output cannot be written. The message says in one line why.</summary>
/// <remarks>No <see cref="IOException"/>: who catches those has something else in mind. Of a closed descriptor the framework says that a path is denied.</remarks>
internal sealed class OutputException(Exception cause) : Exception($"cannot write the output: {(cause is UnauthorizedAccessException { InnerException: { } kernel } ? kernel : cause).Message.TrimEnd('.')}", cause);

/// <summary>A stream that is only written to and is opened by the first write. What becomes of a failure is said by the one who opens it.</summary>
internal sealed class StandardStream(Func<Stream> open, Action<Exception> failed) : Stream
{
    private Stream? stream;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            stream ??= open();
            stream.Write(buffer);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            failed(e);
        }
    }

    // Nothing is kept back.
    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
