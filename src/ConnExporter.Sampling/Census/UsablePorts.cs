using System.Collections;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Sampling.Census;

/// <summary>Ports of the ephemeral range that are not reserved, as far as that is known.</summary>
internal sealed class UsablePorts
{
    private readonly BitArray bits = new(ushort.MaxValue + 1);

    /// <summary>The range in force.</summary>
    public PortRange Range { get; private set; }

    /// <summary>What is reserved; null where that is not known.</summary>
    public PortSet? Reserved { get; private set; }

    /// <summary>Whether it is known which are reserved; otherwise all of the range counts as usable.</summary>
    public bool IsKnown => Reserved is not null;

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>Whether a port is one of them.</summary>
    public bool this[ushort port] => bits[port];

    /// <summary>Takes the settings in force; those of before cost nothing.</summary>
    /// <param name="range">The range.</param>
    /// <param name="excluded">What is reserved; null where that could not be read.</param>
    public void Set(PortRange range, PortSet? excluded)
    {
        if (Range == range && ReferenceEquals(Reserved, excluded))
        {
            return;
        }

        (Range, Reserved) = (range, excluded);
        bits.SetAll(false);
        Count = 0;
        for (int port = range.First; port <= range.Last; port++)
        {
            if (excluded?.Contains((ushort)port) != true)
            {
                bits[port] = true;
                Count++;
            }
        }
    }
}
