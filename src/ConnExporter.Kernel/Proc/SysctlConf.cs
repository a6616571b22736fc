namespace ConnExporter.Kernel.Proc;

/// <summary>A sysctl file as people write it: sysctl.d(5), sysctl.conf(5).</summary>
public static class SysctlConf
{
    /// <summary>Reads the assignments of a file. What is none, comments and lines nobody understands, is passed over, as systemd does.</summary>
    /// <param name="path">The file's path, for <see cref="SysctlAssignment.Path"/>.</param>
    /// <param name="text">The whole file; its last line needs no end.</param>
    public static IEnumerable<SysctlAssignment> Parse(string path, ReadOnlySpan<byte> text)
    {
        var found = new List<SysctlAssignment>();
        int number = 0;
        ReadOnlySpan<char> content = Utf8Text.Of(text);
        foreach (Range range in content.Split('\n'))
        {
            // As whoever reads such a file counts them: nothing else ends a line, neither U+2028 nor a carriage return alone.
            number++;
            ReadOnlySpan<char> line = content[range].Trim();
            int equals = line.IndexOf('=');
            if (equals <= 0 || line[0] is '#' or ';')
            {
                continue;
            }

            bool ignoresErrors = line[0] == '-';
            ReadOnlySpan<char> key = line[(ignoresErrors ? 1 : 0)..equals].Trim();
            if (!key.IsEmpty)
            {
                found.Add(new SysctlAssignment(NameOf(key), line[(equals + 1)..].Trim().ToString(), path, number) { IgnoresErrors = ignoresErrors });
            }
        }

        return found;
    }

    // With a slash for the first separator it is a path, where dots are dots; else dots separate and a slash is a dot of a name (sysctl.d(5)).
    private static string NameOf(ReadOnlySpan<char> key)
    {
        int first = key.IndexOfAny('.', '/');
        return first >= 0 && key[first] == '/'
            ? string.Create(key.Length, key.ToString(), static (name, path) =>
            {
                for (int i = 0; i < name.Length; i++)
                {
                    name[i] = path[i] switch { '/' => '.', '.' => '/', char c => c };
                }
            })
            : key.ToString();
    }
}

/// <summary>A line of a sysctl file that sets something.</summary>
/// <param name="Name">The sysctl, with dots: <c>net.ipv4.tcp_tw_reuse</c>.</param>
/// <param name="Value">What it is set to, as it is written.</param>
/// <param name="Path">The file.</param>
/// <param name="Line">Which line, from 1.</param>
public sealed record SysctlAssignment(string Name, string Value, string Path, int Line)
{
    /// <summary>Whether the line begins with '-': a sysctl that is not there is no error then.</summary>
    public bool IgnoresErrors { get; init; }
}
