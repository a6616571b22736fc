using System.Runtime.InteropServices;

namespace ConnExporter.Kernel;

/// <summary>
/// Who is believed in a directory: root, this process's user, and the owner of a directory that only root can have given him, as systemd does with
/// RuntimeDirectory= and StateDirectory=. A directory in which more than these may make files is not trusted: whatever is found in it may be anybody's.
/// </summary>
public sealed class TrustedDirectory
{
    private const uint Root = 0;
    private const int MostLinks = 40;

    // Elsewhere the owner of a directory below one of root's may be anybody: /home/somebody.
    private static readonly string[] Given = ["/run", "/var/lib", "/var/lib/private"];

    private uint? givenTo;

    private TrustedDirectory(string path) => Path = path;

    /// <summary>The directory, with no links in it, as far as it could be followed.</summary>
    public string Path { get; private set; }

    /// <summary>Whether it is there.</summary>
    public bool Exists { get; private set; } = true;

    /// <summary>The error number (errno) by which it, or one on the way to it, cannot be looked at; 0 where it can, and where it is no directory.</summary>
    public int Error { get; private set; }

    /// <summary>Why it is not trusted; null where it is. Names a directory and a uid, nothing else.</summary>
    public string? Doubt { get; private set; }

    /// <summary>Looks at a directory and at all above it: who may write one of them chooses what is below.</summary>
    /// <param name="path">An absolute path.</param>
    public static TrustedDirectory Of(string path)
    {
        var found = new TrustedDirectory("/");
        found.Walk(new Stack<string>(Parts(System.IO.Path.GetFullPath(path)).Reverse()));
        return found;
    }

    /// <summary>Whether what a user made there is believed.</summary>
    public bool Trusts(uint user) => user == Root || user == FileOwner.Own || user == givenTo;

    /// <summary>Says who is believed there.</summary>
    public override string ToString() => givenTo is { } user ? $"root, uid {FileOwner.Own} or uid {user}, whose directory it is" : FileOwner.Own == Root ? "root" : $"root or uid {FileOwner.Own}";

    private static string[] Parts(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries);

    private void Walk(Stack<string> parts)
    {
        // Of the directories on the way: whether they and all above belong to root, and nobody else may write them.
        bool ofRootAlone = Judge(isLast: parts.Count == 0, isGiven: false);
        bool topOfRootAlone = ofRootAlone;
        int links = 0;
        while (Doubt is null && parts.TryPop(out string? name))
        {
            string above = Path;
            Path = name == ".." ? System.IO.Path.GetDirectoryName(above) ?? "/" : System.IO.Path.Join(above, name);
            if (FileOwner.Of(Path) is { IsLink: true } link)
            {
                string found = Path;
                Path = above;
                Follow(found, link, parts, ++links);
                ofRootAlone = Path == "/" ? topOfRootAlone : ofRootAlone;
                continue;
            }

            bool isLast = parts.Count == 0;
            ofRootAlone = Judge(isLast, isGiven: isLast && ofRootAlone && Given.Contains(above)) && ofRootAlone;
        }
    }

    private void Follow(string path, FileOwner owner, Stack<string> parts, int links)
    {
        if (owner.User is not Root && owner.User != FileOwner.Own)
        {
            Doubt = $"{path} is a link of uid {owner.User}";
        }
        else if (links > MostLinks || new FileInfo(path).LinkTarget is not { } target)
        {
            Doubt = $"{path} is a link that leads nowhere";
        }
        else
        {
            foreach (string part in Parts(target).Reverse())
            {
                parts.Push(part);
            }

            Path = target.StartsWith('/') ? "/" : Path;
        }
    }

    // Whether it is root's alone.
    private bool Judge(bool isLast, bool isGiven)
    {
        FileOwner? seen = FileOwner.Of(Path);
        if (seen is not { IsDirectory: true } owner)
        {
            Exists = false;
            Error = seen is null ? Marshal.GetLastPInvokeError() : 0;
            Doubt = $"no directory can be seen at {Path}";
            return false;
        }

        // In one like /tmp everybody may make files and nobody may touch what is another's: whose the next one is decides.
        if (owner.OthersMayWrite && (isLast || !owner.IsSticky))
        {
            Doubt = $"others than its owner may write {Path}";
        }
        else if (owner.User is not Root && owner.User != FileOwner.Own)
        {
            givenTo = isGiven ? owner.User : null;
            Doubt = isGiven ? null : $"{Path} belongs to uid {owner.User}";
        }

        return owner is { User: Root, OthersMayWrite: false };
    }
}
