namespace ConnExporter.Sampling.Census;

/// <summary>
/// A part of the usable ports to look up, spread evenly: of each run of ports one pair, an even port and the odd one behind it, as connect() prefers one parity and bind() the other; and at
/// another place from run to run and from turn to turn.
/// </summary>
internal static class PortSample
{
    // Odd, so that all places of a run come in turn.
    private const int Step = 5;

    /// <summary>Chooses them.</summary>
    /// <param name="usable">The usable ports.</param>
    /// <param name="part">One in so many, an even number; 1 for all.</param>
    /// <param name="turn">Which of the parts; those of successive turns have no port in common until all had theirs.</param>
    /// <param name="chosen">Takes the ports in their order.</param>
    public static void Choose(UsablePorts usable, int part, int turn, List<ushort> chosen)
    {
        chosen.Clear();
        int run = 2 * part;
        for (int port = usable.Range.First; port <= usable.Range.Last; port++)
        {
            int place = (turn + (port / run * Step)) % part;
            if (usable[(ushort)port] && port % run / 2 == place)
            {
                chosen.Add((ushort)port);
            }
        }
    }

    /// <summary>By how many ports an estimate from such a part may be off: 2.6 standard deviations, which one in a hundred exceeds where ports are taken at random. Those that the kernel hands out lie more evenly.</summary>
    /// <param name="taken">Of those looked up, how many were taken.</param>
    /// <param name="asked">How many were looked up.</param>
    /// <param name="usable">How many there are.</param>
    public static ulong ErrorOf(long taken, int asked, int usable)
    {
        if (asked >= usable)
        {
            return 0;
        }

        // All or none of a sample is no proof of all or none.
        double share = Math.Clamp(taken / (double)asked, 1.0 / asked, Math.Max(1.0 / asked, 1 - (1.0 / asked)));
        double rest = 1 - (asked / (double)usable);
        return (ulong)Math.Ceiling(2.6 * Math.Sqrt(share * (1 - share) / asked * rest) * usable);
    }
}
