using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Kernel.Proc;

/// <summary>The files that set sysctls when the host starts, in the order in which they take effect (sysctl.d(5)).</summary>
public sealed unsafe class SysctlFiles
{
    /// <summary>What is longer is not read: nobody writes a sysctl file of this size by hand.</summary>
    public const int SizeLimit = 256 * 1024;

    /// <summary>How many files are read.</summary>
    public const int CountLimit = 256;

    // A file of an earlier directory takes the place of those with the same name in later ones.
    private static readonly ImmutableArray<string> Directories = ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];

    // systemd reads it only where a link in sysctl.d leads to it, as Debian has one; procps reads it in any case, and last.
    private const string Classic = "/etc/sysctl.conf";

    // As many as the kernel follows (path_resolution(7)).
    private const int MostLinks = 40;

    private const char NotText = '\ufffd';

    private readonly string root;

    /// <summary>The files below a root.</summary>
    /// <param name="root">Where the host's file system is mounted; <c>/</c> outside of containers.</param>
    public SysctlFiles(string root) => this.root = (root ?? throw new ArgumentNullException(nameof(root))).TrimEnd('/');

    /// <summary>Reads all files. Paths are those of the host, without the root.</summary>
    public SysctlFileContent Read()
    {
        var assignments = new List<SysctlAssignment>();
        var unread = new List<string>();
        string[] files = [.. Find(unread), Classic];
        if (files.Length > CountLimit)
        {
            unread.Add($"{files.Length - CountLimit} more sysctl files");
        }

        foreach (string file in files.TakeLast(CountLimit).Select(Follow).Reverse().Distinct(StringComparer.Ordinal).Reverse())
        {
            try
            {
                assignments.AddRange(SysctlConf.Parse(file, ReadFile(file)));
            }
            catch (KernelReadException e) when (e.Kind != FailureKind.Absent)
            {
                unread.Add(e.Message);
            }
            catch (KernelReadException) when (file.Contains(NotText, StringComparison.Ordinal))
            {
                // The framework gives names as text, by which such a one cannot be opened.
                unread.Add($"{file}: its name is not UTF-8");
            }
            catch (KernelReadException)
            {
                // Not every host has this one, and a link may lead nowhere.
            }
        }

        return new SysctlFileContent([.. assignments], [.. unread]);
    }

    private SortedDictionary<string, string>.ValueCollection Find(List<string> unread)
    {
        var byName = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string directory in Directories)
        {
            try
            {
                foreach (string path in Directory.EnumerateFileSystemEntries(InRoot(Follow(directory)), "*.conf"))
                {
                    string name = Path.GetFileName(path);
                    byName.TryAdd(name, $"{directory}/{name}");
                }
            }
            catch (DirectoryNotFoundException)
            {
                // Few hosts have all of them.
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                unread.Add($"{directory}: {e.Message}");
            }
        }

        return byName.Values;
    }

    // What a link of the host leads to is below the same root, link by link and in every part of the path: the kernel would take it from ours.
    private string Follow(string path)
    {
        var done = new Stack<string>();
        var rest = new Stack<string>(Parts(path));
        int links = 0;
        while (rest.TryPop(out string? part))
        {
            if (part == "..")
            {
                // Above the root is the root.
                done.TryPop(out _);
                continue;
            }

            string here = $"{(done.Count > 0 ? "/" : "")}{string.Join('/', done.Reverse())}/{part}";
            if (LinkAt(here) is not { } target)
            {
                done.Push(part);
                continue;
            }

            if (++links > MostLinks)
            {
                // Opening it follows no link.
                return here;
            }

            if (target.StartsWith('/'))
            {
                done.Clear();
            }

            foreach (string next in Parts(target))
            {
                rest.Push(next);
            }
        }

        return "/" + string.Join('/', done.Reverse());
    }

    private string? LinkAt(string path)
    {
        try
        {
            return new FileInfo(InRoot(path)).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Reading it tells why.
            return null;
        }
    }

    // The last one first.
    private static IEnumerable<string> Parts(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".").Reverse();

    private byte[] ReadFile(string file)
    {
        // Without waiting: a pipe in place of a file must not hold anybody up.
        byte[] path = Encoding.UTF8.GetBytes(InRoot(file) + '\0');
        int descriptor;
        fixed (byte* bytes = path)
        {
            descriptor = LibC.OpenAt(LibC.AtFdCwd, bytes, LibC.OpenReadOnly | LibC.OpenCloseOnExec | LibC.OpenNonBlock | LibC.NoFollowFlag);
        }

        if (descriptor < 0)
        {
            throw KernelReadException.FromErrno(file, Marshal.GetLastPInvokeError());
        }

        using var handle = new DescriptorHandle(descriptor);
        byte[] content = new byte[SizeLimit + 1];
        int length = 0;
        while (length < content.Length)
        {
            nint got;
            fixed (byte* bytes = content)
            {
                got = LibC.Read(handle.Value, bytes + length, content.Length - length);
            }

            if (got == 0)
            {
                return content[..length];
            }

            int errno = got < 0 ? Marshal.GetLastPInvokeError() : 0;
            if (got < 0 && errno != Errno.Interrupted)
            {
                throw KernelReadException.FromErrno(file, errno);
            }

            length += (int)Math.Max(0, got);
        }

        throw new KernelReadException(FailureKind.Broken, "too_large", $"{file}: more than {SizeLimit} bytes");
    }

    private string InRoot(string path) => Path.Join(root, path);
}

/// <summary>What sysctl files say.</summary>
/// <param name="Assignments">Every assignment; a later one goes before an earlier one of the same sysctl.</param>
/// <param name="Unread">Which files could not be read, and why.</param>
public sealed record SysctlFileContent(ImmutableArray<SysctlAssignment> Assignments, ImmutableArray<string> Unread);
