using ConnExporter.Kernel.Proc;

namespace ConnExporter.Sampling.Census;

/// <summary>Sockets by name and state, summed after a walk from keys of which several can share a name. The largest are shown, the others make one sum.</summary>
/// <typeparam name="TName">The name.</typeparam>
internal sealed class NamedStates<TName>(int shown)
    where TName : notnull
{
    // A name that was shown keeps its place until another has this much more, so that series do not come and go.
    private const double Favour = 1.25;
    private readonly Dictionary<TName, ulong[]> sums = [];
    private HashSet<TName> previous = [];

    /// <summary>The names chosen and their sockets by state, the largest first.</summary>
    public IReadOnlyList<(TName Name, ulong[] States)> Rows { get; private set; } = [];

    /// <summary>All that has no row.</summary>
    public ulong[] Other { get; private set; } = new ulong[TcpTable.StateCount];

    /// <summary>Names without a row.</summary>
    public int LeftOut { get; private set; }

    /// <summary>Whether anything has no row.</summary>
    public bool HasOther => Total(Other) > 0;

    public void Clear()
    {
        sums.Clear();
        Other = new ulong[TcpTable.StateCount];
    }

    /// <summary>Adds sockets under a name.</summary>
    public void Add(TName name, ReadOnlySpan<long> states)
    {
        if (!sums.TryGetValue(name, out ulong[]? sum))
        {
            sum = new ulong[TcpTable.StateCount];
            sums.Add(name, sum);
        }

        Add(sum, states);
    }

    /// <summary>Adds sockets whose name is not known.</summary>
    public void AddOther(ReadOnlySpan<long> states) => Add(Other, states);

    /// <summary>Chooses what is shown.</summary>
    public void Choose()
    {
        List<TName> ranked = [.. sums
            .OrderByDescending(sum => Total(sum.Value) * (previous.Contains(sum.Key) ? Favour : 1))
            .ThenBy(sum => sum.Key.ToString(), StringComparer.Ordinal)
            .Select(sum => sum.Key)];
        List<TName> chosen = ranked[..Math.Min(shown, ranked.Count)];
        foreach (TName name in ranked[chosen.Count..])
        {
            for (int state = 0; state < Other.Length; state++)
            {
                Other[state] += sums[name][state];
            }
        }

        LeftOut = ranked.Count - chosen.Count;
        Rows = [.. chosen.Select(name => (name, sums[name]))];
        previous = [.. chosen];
    }

    private static void Add(ulong[] sum, ReadOnlySpan<long> states)
    {
        for (int state = 0; state < sum.Length; state++)
        {
            sum[state] += (ulong)states[state];
        }
    }

    private static ulong Total(ulong[] states)
    {
        ulong total = 0;
        foreach (ulong count in states)
        {
            total += count;
        }

        return total;
    }
}
