using System.Runtime.InteropServices;

namespace ConnExporter.Fuzz;

/// <summary>Damages inputs with an eye for what they are made of: lines, words and numbers of text; length fields of binary messages.</summary>
internal sealed class Mutator
{
    /// <summary>The longest input that is made.</summary>
    public const int Longest = 64 * 1024;

    // Most inputs stay below this: what breaks with much breaks with a little as a rule, at a tenth of the time.
    private const int Usual = 8 * 1024;

    private static readonly byte[][] Numbers =
    [
        "0"u8.ToArray(), "00"u8.ToArray(), "1"u8.ToArray(), "-1"u8.ToArray(), "+1"u8.ToArray(), "65535"u8.ToArray(), "65536"u8.ToArray(), "2147483647"u8.ToArray(),
        "2147483648"u8.ToArray(), "4294967295"u8.ToArray(), "4294967296"u8.ToArray(), "9223372036854775807"u8.ToArray(), "9223372036854775808"u8.ToArray(),
        "18446744073709551615"u8.ToArray(), "18446744073709551616"u8.ToArray(), "ffffffffffffffff"u8.ToArray(), "1e308"u8.ToArray(), "1e999"u8.ToArray(),
        "-1e999"u8.ToArray(), "0.1"u8.ToArray(), "1e-400"u8.ToArray(), "NaN"u8.ToArray(), "N/A"u8.ToArray(), "0x10"u8.ToArray(), ""u8.ToArray(), "unlimited"u8.ToArray(),
    ];

    private static readonly byte[][] Anywhere =
    [
        "\n"u8.ToArray(), "\n\n"u8.ToArray(), "\r\n"u8.ToArray(), "\0"u8.ToArray(), " "u8.ToArray(), "\t"u8.ToArray(), "("u8.ToArray(), ")"u8.ToArray(), "["u8.ToArray(),
        "]"u8.ToArray(), "{"u8.ToArray(), "}"u8.ToArray(), ":"u8.ToArray(), ";"u8.ToArray(), ","u8.ToArray(), "-"u8.ToArray(), "="u8.ToArray(), "/"u8.ToArray(), ".."u8.ToArray(),
        "\""u8.ToArray(), "'"u8.ToArray(), "\\"u8.ToArray(), "%"u8.ToArray(), "*"u8.ToArray(), "#"u8.ToArray(), [0xff, 0xfe], [0xc3], [0xed, 0xa0, 0x80], [0xef, 0xbb, 0xbf],
        "\u2028"u8.ToArray(), "\u202e"u8.ToArray(), "\u001b[2J"u8.ToArray(),
    ];

    private static readonly uint[] Lengths = [0, 1, 3, 4, 5, 15, 16, 17, 19, 20, 71, 72, 88, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff];

    private readonly Dice dice;
    private readonly byte[][] words;
    private readonly FindLength? findLength;
    private readonly byte[] scratch = new byte[Longest];
    private readonly byte[] bytes = new byte[Longest];
    private int length;

    public Mutator(Dice dice, byte[][] words, FindLength? findLength)
    {
        this.dice = dice;
        this.words = words;
        this.findLength = findLength;
    }

    /// <summary>The input that was made last.</summary>
    public ReadOnlySpan<byte> Input => bytes.AsSpan(0, length);

    /// <summary>Makes an input from one of the corpus, and maybe another.</summary>
    public void Make(byte[] from, byte[] other)
    {
        Replace(0, length, from);
        int steps = 1;
        while (steps < 8 && dice.Once(2))
        {
            steps++;
        }

        for (int i = 0; i < steps; i++)
        {
            Step(other);
        }
    }

    private void Step(byte[] other)
    {
        if (findLength is not null && dice.Once(3))
        {
            LieAboutLength(findLength);
            return;
        }

        int at = dice.Below(length + 1);
        switch (dice.Below(16))
        {
            case 0 when length > 0:
                bytes[dice.Below(length)] ^= (byte)(1 << dice.Below(8));
                break;
            case 1 when length > 0:
                bytes[dice.Below(length)] = (byte)dice.Next();
                break;
            case 2:
                Replace(at, at + dice.Below(Math.Min(64, length - at) + 1), []);
                break;
            case 3:
                Copy(at, Math.Min(64, length - at), at);
                break;
            case 4:
                Replace(at, at, Choose(Anywhere));
                break;
            case 5:
                Replace(at, Math.Min(length, at + 1), Choose(Anywhere));
                break;
            case 6 or 7:
                SwapNumber(at);
                break;
            case 8 when words.Length > 0:
                Replace(at, at, Choose(words));
                break;
            case 9 when words.Length > 0:
                (int start, int end) = Word(at);
                Replace(start, end, Choose(words));
                break;
            case 10:
                length = at;
                break;
            case 11:
                int from = dice.Below(other.Length + 1);
                Replace(at, length, other.AsSpan(from));
                break;
            case 12:
                (start, end) = Line(at);
                Replace(start, end, []);
                break;
            case 13:
                (start, end) = Line(at);
                Copy(start, end - start, dice.Once(2) ? end : Line(dice.Below(length + 1)).Start);
                break;
            case 14:
                (start, end) = Word(at);
                Copy(start, end - start, Word(dice.Below(length + 1)).Start);
                break;
            case 15 when dice.Once(64):
                Repeat(at);
                break;
            default:
                Replace(at, at, [(byte)dice.Next()]);
                break;
        }
    }

    private void LieAboutLength(FindLength find)
    {
        (int offset, int size) = find(Input, dice);
        if (size == 0 || offset + size > length)
        {
            return;
        }

        Span<byte> field = bytes.AsSpan(offset, size);
        uint said = size == 2 ? MemoryMarshal.Read<ushort>(field) : MemoryMarshal.Read<uint>(field);
        uint lie = dice.Below(4) switch { 0 => said + (uint)dice.Below(9) - 4, 1 => (uint)(length - offset) + (uint)dice.Below(9) - 4, _ => Lengths[dice.Below(Lengths.Length)] };
        if (size == 2)
        {
            MemoryMarshal.Write(field, (ushort)lie);
        }
        else
        {
            MemoryMarshal.Write(field, lie);
        }
    }

    private void SwapNumber(int at)
    {
        ReadOnlySpan<byte> digits = "0123456789"u8;
        int start = Input[at..].IndexOfAny(digits);
        if (start < 0)
        {
            return;
        }

        start += at;
        int end = Input[start..].IndexOfAnyExcept(digits);
        Replace(start, end < 0 ? length : start + end, Choose(Numbers));
    }

    // Something huge: a line, a word or a list without end.
    private void Repeat(int at)
    {
        (int start, int end) = dice.Once(2) ? Line(at) : (at, Math.Min(length, at + 1 + dice.Below(16)));
        int wanted = dice.Once(4) ? Longest : Usual;
        for (int size = end - start; size > 0 && length < wanted; size = Math.Min(end - start, wanted - length))
        {
            Copy(start, size, end);
            end += size;
        }
    }

    private (int Start, int End) Line(int at)
    {
        int start = Input[..at].LastIndexOf((byte)'\n') + 1;
        int end = Input[at..].IndexOf((byte)'\n');
        return (start, end < 0 ? length : at + end + 1);
    }

    private (int Start, int End) Word(int at)
    {
        ReadOnlySpan<byte> between = " \t\n,;:=\"{}[]/."u8;
        int start = Input[..at].LastIndexOfAny(between) + 1;
        int end = Input[at..].IndexOfAny(between);
        return (start, end < 0 ? length : at + end);
    }

    private byte[] Choose(byte[][] from) => from[dice.Below(from.Length)];

    private void Copy(int from, int size, int to)
    {
        size = Math.Min(size, Math.Min(length - from, Longest));
        bytes.AsSpan(from, size).CopyTo(scratch);
        Replace(to, to, scratch.AsSpan(0, size));
    }

    private void Replace(int start, int end, ReadOnlySpan<byte> by)
    {
        by = by[..Math.Min(by.Length, Longest - start)];
        int kept = Math.Min(length - end, Longest - start - by.Length);
        bytes.AsSpan(end, kept).CopyTo(bytes.AsSpan(start + by.Length));
        by.CopyTo(bytes.AsSpan(start));
        length = start + by.Length + kept;
    }
}
