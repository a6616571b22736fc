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
