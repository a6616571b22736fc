namespace ConnExporter.Kernel.Proc;

/// <summary>The proc file system under a root that a test or a container can move.</summary>
public sealed class ProcFs
{
    /// <summary>The proc file system at a path.</summary>
    /// <param name="root">Where it is mounted.</param>
    public ProcFs(string root = "/proc") => Root = root;

    /// <summary>Where it is mounted.</summary>
    public string Root { get; }

    /// <summary>A file below the root.</summary>
    /// <param name="relativePath">Such as <c>sys/fs/file-nr</c>.</param>
    public ProcFile File(string relativePath) => new(PathOf(relativePath));

    /// <summary>A file of the network namespace this process is in.</summary>
    /// <remarks><c>/proc/net</c> is a link to <c>self/net</c>, so it is right on every thread that did not leave the process's namespace.</remarks>
    /// <param name="name">Such as <c>snmp</c>.</param>
    public ProcFile NetFile(string name) => new(PathOf("net/" + name));

    /// <summary>The full path of a file below the root, for messages.</summary>
    /// <param name="relativePath">The path below the root.</param>
    public string PathOf(string relativePath) => Path.Join(Root, relativePath);
}
