namespace ConnExporter.Kernel.Proc;

/// <summary>The arguments of this process as bytes: the framework keeps only what is UTF-8 of them.</summary>
public static class OwnArguments
{
    private const string Path = "/proc/self/cmdline";

    /// <summary>The last ones.</summary>
    /// <param name="count">How many the framework gave.</param>
    /// <returns>Null where the kernel does not show as many.</returns>
    /// <exception cref="KernelReadException"><c>/proc/self/cmdline</c> cannot be read, or is longer than 4 MiB.</exception>
    public static byte[][]? Last(int count)
    {
        byte[][] all = All();
        return all.Length >= count ? all[^count..] : null;
    }

    /// <summary>All, the program's name first.</summary>
    /// <exception cref="KernelReadException"><c>/proc/self/cmdline</c> cannot be read, or is longer than 4 MiB.</exception>
    internal static byte[][] All()
    {
        using var file = new ProcFile(Path);
        return [.. Split(file.Read().ToArray())];
    }

    private static IEnumerable<byte[]> Split(byte[] line)
    {
        for (int start = 0, end; start < line.Length; start = end + 1)
        {
            end = Array.IndexOf(line, (byte)0, start);
            end = end < 0 ? line.Length : end;
            yield return line[start..end];
        }
    }
}
