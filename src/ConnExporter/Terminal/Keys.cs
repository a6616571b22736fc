using System.Text;

namespace ConnExporter.Terminal;

/// <summary>A key: one that has a name, or a character.</summary>
internal enum Key
{
    /// <summary>A character, see <see cref="KeyPress.Rune"/>.</summary>
    Character,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    Tab,
    BackTab,
    Enter,
    Escape,
    Backspace,
}

/// <summary>A key that was pressed.</summary>
/// <param name="Key">Which.</param>
/// <param name="Rune">The character, where it is one.</param>
internal readonly record struct KeyPress(Key Key, Rune Rune = default);

/// <summary>Reads keys out of what a terminal sends: UTF-8, and the sequences of xterm, which all terminals share for these keys.</summary>
internal static class Keys
{
    /// <summary>The keys in some bytes. What is no key that is known here is none.</summary>
    public static IEnumerable<KeyPress> In(byte[] bytes)
    {
        for (int i = 0; i < bytes.Length;)
        {
            if (bytes[i] == 0x1b)
            {
                int length = SequenceLength(bytes.AsSpan(i));
                if (Named(Encoding.ASCII.GetString(bytes, i + 1, length - 1)) is { } key)
                {
                    yield return new KeyPress(key);
                }

                i += length;
                continue;
            }

            Rune.DecodeFromUtf8(bytes.AsSpan(i), out Rune rune, out int used);
            i += Math.Max(1, used);
            if (rune.Value switch { '\t' => Key.Tab, '\r' or '\n' => Key.Enter, 0x7f or 0x08 => Key.Backspace, _ => (Key?)null } is { } control)
            {
                yield return new KeyPress(control);
            }
            else if (!Rune.IsControl(rune) && rune != Rune.ReplacementChar)
            {
                yield return new KeyPress(Key.Character, rune);
            }
        }
    }

    // ESC alone; ESC O and a letter; ESC [ and all up to a letter or a tilde.
    private static int SequenceLength(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 2 || bytes[1] is not ((byte)'[' or (byte)'O'))
        {
            return 1;
        }

        int end = bytes[2..].IndexOfAnyInRange((byte)'@', (byte)'~');
        return end < 0 ? bytes.Length : end + 3;
    }

    private static Key? Named(string sequence) => sequence switch
    {
        "" => Key.Escape,
        "[A" or "OA" => Key.Up,
        "[B" or "OB" => Key.Down,
        "[C" or "OC" => Key.Right,
        "[D" or "OD" => Key.Left,
        "[H" or "OH" or "[1~" or "[7~" => Key.Home,
        "[F" or "OF" or "[4~" or "[8~" => Key.End,
        "[5~" => Key.PageUp,
        "[6~" => Key.PageDown,
        "[Z" => Key.BackTab,
        _ => null,
    };
}
