using System.Text;
using ConnExporter.Kernel;

namespace ConnExporter.Configuration;

/// <summary>Variables as systemd reads them from the file that <c>EnvironmentFile=</c> names (systemd.exec(5)).</summary>
internal static class EnvironmentFile
{
    /// <summary>Where the packages put that of the unit.</summary>
    public const string OfUnit = "/etc/default/conn-exporter";

    /// <summary>Reads the file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The variables; null where there is no such file.</returns>
    /// <exception cref="ConfigurationException">It cannot be read.</exception>
    public static Dictionary<string, string>? Read(string path)
    {
        if (FileOwner.WhyNoFile(path) is { } why)
        {
            throw new ConfigurationException($"{path} {why}");
        }

        try
        {
            return Parse(File.ReadAllText(path));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"{path}: {e.Message}");
        }
    }

    /// <summary>Understands its content. Lines that are no assignment are passed over, as systemd does.</summary>
    /// <param name="text">The content.</param>
    internal static Dictionary<string, string> Parse(string text)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        string[] lines = text.Replace("\\\n", "", StringComparison.Ordinal).Split('\n');
        foreach (string line in lines.Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] is not ('#' or ';')))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
            {
                variables[line[..equals].TrimEnd()] = Unquote(line[(equals + 1)..].Trim());
            }
        }

        return variables;
    }

    // Single quotes keep everything; in double quotes a backslash stands before " \ ` and $, outside of quotes before anything.
    private static string Unquote(string value)
    {
        var result = new StringBuilder();
        char quote = '\0';
        for (int i = 0; i < value.Length; i++)
        {
            char c = value[i];
            char next = i + 1 < value.Length ? value[i + 1] : '\0';
            if (c == quote)
            {
                quote = '\0';
            }
            else if (quote == '\0' && c is '"' or '\'')
            {
                quote = c;
            }
            else if (c == '\\' && next != '\0' && (quote == '\0' || (quote == '"' && next is '"' or '\\' or '`' or '$')))
            {
                result.Append(next);
                i++;
            }
            else
            {
                result.Append(c);
            }
        }

        return result.ToString();
    }
}
