namespace ConnExporter.Kernel;

/// <summary>The size of a terminal's window.</summary>
/// <param name="Columns">Characters in a row, at least one.</param>
/// <param name="Rows">Rows, at least one.</param>
/// <remarks>Not the framework's, which switches the terminal to another mode to tell it.</remarks>
public readonly record struct TerminalSize(int Columns, int Rows)
{
    private const nuint GetWindowSize = 0x5413;

    /// <summary>That of the terminal that a descriptor is open on.</summary>
    /// <returns>Null where it is none, or does not know.</returns>
    public static unsafe TerminalSize? Of(int descriptor)
    {
        // struct winsize: rows, columns, and their size in pixels.
        ushort* size = stackalloc ushort[4];
        return LibC.IoControl(descriptor, GetWindowSize, size) == 0 && size[0] > 0 && size[1] > 0 ? new TerminalSize(size[1], size[0]) : null;
    }
}
