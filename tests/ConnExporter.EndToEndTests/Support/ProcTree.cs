namespace ConnExporter.EndToEndTests.Support;

/// <summary>The live proc file system seen through a tree of links, with one file replaced.</summary>
internal sealed class ProcTree : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    private ProcTree()
    {
    }

    /// <summary>The value for <c>--path.procfs</c>.</summary>
    public string Path => directory.Path;

    /// <summary>A tree with one file replaced.</summary>
    /// <param name="file">Such as <c>net/netstat</c>.</param>
    /// <param name="replace">Makes the replacement at the path it is given.</param>
    public static ProcTree With(string file, Action<string> replace)
    {
        var tree = new ProcTree();
        Link("/proc", tree.Path, file.Split('/'), replace);
        return tree;
    }

    /// <summary>Replaces a directory by copies of some of its files.</summary>
    /// <param name="directory">Such as <c>net</c>.</param>
    /// <param name="files">Those that are copied; what this host lacks is left out.</param>
    public void Freeze(string directory, params string[] files)
    {
        string copy = System.IO.Path.Join(Path, directory);
        File.Delete(copy);
        Directory.CreateDirectory(copy);
        foreach (string file in files.Where(file => File.Exists($"/proc/{directory}/{file}")))
        {
            File.WriteAllBytes(System.IO.Path.Join(copy, file), File.ReadAllBytes($"/proc/{directory}/{file}"));
        }
    }

    public void Dispose() => directory.Dispose();

    private static void Link(string real, string copy, ReadOnlySpan<string> path, Action<string> replace)
    {
        foreach (string entry in Directory.EnumerateFileSystemEntries(real))
        {
            string name = System.IO.Path.GetFileName(entry);
            if (name != path[0])
            {
                File.CreateSymbolicLink(System.IO.Path.Join(copy, name), entry);
            }
        }

        string replaced = System.IO.Path.Join(copy, path[0]);
        if (path.Length == 1)
        {
            replace(replaced);
            return;
        }

        Directory.CreateDirectory(replaced);
        Link(System.IO.Path.Join(real, path[0]), replaced, path[1..], replace);
    }
}
