namespace ConnExporter.Kernel.Proc;

/// <summary>The proc file system under a root that a test or a container can move.</summary>
public sealed class ProcFs
{
    private readonly SharedDescriptors? descriptors;

    /// <summary>The proc file system at a path.</summary>
    /// <param name="root">Where it is mounted.</param>
    /// <param name="netDirectory">
    /// The directory that shows a network namespace: <c>net</c>, which is <c>self/net</c>, for that of the process's main thread;
    /// <c>thread-self/net</c> for that of the thread which opens a file; <c>PID/net</c> for that of another process (kernel-facts §7).
    /// </param>
    /// <param name="isShared">Whether those who read the same file share its descriptor: not where a file is another one for each thread that opens it.</param>
    public ProcFs(string root = "/proc", string netDirectory = "net", bool isShared = false)
    {
        descriptors = isShared ? new SharedDescriptors() : null;
        Root = root;
        NetDirectory = netDirectory;
    }

    /// <summary>Where it is mounted.</summary>
    public string Root { get; }

    /// <summary>The directory that shows the network namespace, relative to <see cref="Root"/>.</summary>
    public string NetDirectory { get; }

    /// <summary>A file below the root.</summary>
    /// <param name="relativePath">Such as <c>sys/fs/file-nr</c>.</param>
    public ProcFile File(string relativePath) => new(PathOf(relativePath), descriptors);

    /// <summary>A file of the network namespace.</summary>
    /// <param name="name">Such as <c>snmp</c>.</param>
    public ProcFile NetFile(string name) => new(NetPathOf(name), descriptors);

    /// <summary>The full path of a file of the network namespace.</summary>
    /// <param name="name">Such as <c>tcp</c>.</param>
    public string NetPathOf(string name) => PathOf($"{NetDirectory}/{name}");

    /// <summary>The full path of a file below the root, for messages.</summary>
    /// <param name="relativePath">The path below the root.</param>
    public string PathOf(string relativePath) => Path.Join(Root, relativePath);
}
