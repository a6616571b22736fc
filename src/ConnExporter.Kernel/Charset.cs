using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Kernel;

/// <summary>A character set other than UTF-8, by iconv(3) of the C library. For one thread at a time.</summary>
/// <remarks>Which there are is the host's affair: of glibc the modules in gconv's directory, of musl those that it has built in.</remarks>
public sealed unsafe class Charset : IDisposable
{
    private const int TooBig = 7;
    private const int LongestName = 32;
    private const int Chunk = 4096;
    private const int LongestCharacter = 16;
    private const nint None = -1;
    private const string Utf8 = "UTF-8";

    // With states: no locale of glibc has one.
    private const string Stateful = "ISO-2022";

    // Asks for something that looks alike where a character is not there.
    private const string Alike = "//TRANSLIT";

    private static readonly SearchValues<char> NameLetters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:+");
    private readonly nint exact;
    private readonly nint alike;
    private readonly nint back;
    private bool disposed;

    private Charset(nint exact, nint alike, nint back)
    {
        this.exact = exact;
        this.alike = alike;
        this.back = back;
    }

    /// <summary>A character set by its name, such as <c>GB18030</c>.</summary>
    /// <returns>Null where this host does not know it.</returns>
    public static Charset? Find(string name)
    {
        // What begins with a slash would be an instruction to iconv.
        if (name.Length is 0 or > LongestName || name.AsSpan().ContainsAnyExcept(NameLetters) || name.StartsWith(Stateful, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        nint to = LibC.IconvOpen(name, Utf8);
        nint from = to == None ? None : LibC.IconvOpen(Utf8, name);
        if (from == None)
        {
            Close(to);
            return null;
        }

        return new Charset(to, LibC.IconvOpen(name + Alike, Utf8), from);
    }

    /// <summary>Whether it has all characters of a text.</summary>
    public bool Has(string text)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        Convert(exact, Encoding.UTF8.GetBytes(text), out int wrong);
        return wrong == 0;
    }

    /// <summary>A text in its bytes. In the place of a character that it does not have stands one that looks alike, or a question mark.</summary>
    public byte[] Encode(string text)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return Convert(alike == None ? exact : alike, Encoding.UTF8.GetBytes(text), out _);
    }

    /// <summary>The text of bytes. In the place of what is none stands U+FFFD or a question mark.</summary>
    /// <param name="bytes">Any bytes.</param>
    public string Decode(ReadOnlySpan<byte> bytes)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return Utf8Text.Of(Convert(back, bytes, out _));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!disposed)
        {
            disposed = true;
            Close(exact);
            Close(alike);
            Close(back);
        }
    }

    private static void Close(nint descriptor)
    {
        if (descriptor != None)
        {
            _ = LibC.IconvClose(descriptor);
        }
    }

    // What cannot be converted is counted, and a question mark stands for it.
    private byte[] Convert(nint descriptor, ReadOnlySpan<byte> bytes, out int wrong)
    {
        wrong = 0;
        var made = new ArrayBufferWriter<byte>(bytes.Length + LongestCharacter);
        LibC.Iconv(descriptor, null, null, null, null);
        fixed (byte* start = bytes)
        {
            byte* input = start;
            nuint left = (nuint)bytes.Length;
            while (left > 0)
            {
                if (!Step(descriptor, made, &input, &left, ref wrong) && left > 0)
                {
                    wrong++;
                    int skip = descriptor == back ? 1 : Utf8Length(new ReadOnlySpan<byte>(input, (int)left));
                    input += skip;
                    left -= (nuint)skip;
                    StandIn(descriptor, made);
                }
            }
        }

        // What it still holds back: a character that another could have joined.
        Step(descriptor, made, null, null, ref wrong);
        return made.WrittenSpan.ToArray();
    }

    private static void StandIn(nint descriptor, ArrayBufferWriter<byte> made)
    {
        byte mark = (byte)'?';
        byte* input = &mark;
        nuint left = 1;
        int none = 0;
        Step(descriptor, made, &input, &left, ref none);
    }

    // False where it stopped at something that it cannot convert; glibc stops, musl puts something else there and counts it.
    private static bool Step(nint descriptor, ArrayBufferWriter<byte> made, byte** input, nuint* left, ref int wrong)
    {
        while (true)
        {
            Span<byte> room = made.GetSpan(Chunk);
            nint result;
            int error;
            nuint free = (nuint)room.Length;
            fixed (byte* start = room)
            {
                byte* output = start;
                result = LibC.Iconv(descriptor, input, left, &output, &free);
                error = Marshal.GetLastPInvokeError();
            }

            made.Advance(room.Length - (int)free);
            if (result != None || error != TooBig)
            {
                wrong += result > 0 ? (int)result : 0;
                return result != None;
            }
        }
    }

    private static int Utf8Length(ReadOnlySpan<byte> bytes)
    {
        Rune.DecodeFromUtf8(bytes, out _, out int length);
        return Math.Max(1, length);
    }
}
