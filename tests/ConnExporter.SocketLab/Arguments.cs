using System.Globalization;

namespace ConnExporter.SocketLab;

/// <summary>Options as <c>--name value</c>. What nobody asked for is an error.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> values = new(StringComparer.Ordinal);
    private readonly HashSet<string> known = new(StringComparer.Ordinal);

    public Arguments(ReadOnlySpan<string> words)
    {
        for (int i = 0; i < words.Length; i++)
        {
            string name = words[i].StartsWith("--", StringComparison.Ordinal) ? words[i][2..] : throw new UsageException($"not an option: {words[i]}");
            bool hasValue = i + 1 < words.Length && !words[i + 1].StartsWith("--", StringComparison.Ordinal);
            values[name] = hasValue ? words[++i] : "1";
        }
    }

    public int Number(string name, int fallback = 0)
    {
        if (!TryTake(name, out string text))
        {
            return fallback;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number
            : throw new UsageException($"--{name}: not a number: {text}");
    }

    public string Text(string name, string fallback) => TryTake(name, out string text) ? text : fallback;

    public bool Flag(string name) => TryTake(name, out _);

    /// <summary>Complains about options that no call above has asked for.</summary>
    public void RejectOthers()
    {
        foreach (string name in values.Keys)
        {
            if (!known.Contains(name))
            {
                throw new UsageException($"no such option here: --{name}; there are --{string.Join(" --", known.Order(StringComparer.Ordinal))}");
            }
        }
    }

    private bool TryTake(string name, out string text)
    {
        known.Add(name);
        return values.TryGetValue(name, out text!);
    }
}

/// <summary>The command line asks for something that there is not.</summary>
internal sealed class UsageException(string message) : Exception(message);
