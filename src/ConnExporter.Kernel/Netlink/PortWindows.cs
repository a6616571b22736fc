using System.Runtime.InteropServices;

namespace ConnExporter.Kernel.Netlink;

/// <summary>
/// A part of the local ports of a range, spread evenly over it: in each run of <see cref="Period"/> ports the <see cref="Width"/> of them at one place, and that place moves on from run to
/// run. The kernel hands out ports of one parity first, and clients have blocks of a power of two, so neither single bits of a port nor one place for all would do.
/// </summary>
/// <param name="First">First port of the range.</param>
/// <param name="Last">Last port of it.</param>
/// <param name="Turn">Which of the <see cref="Parts"/> parts; together they are the range.</param>
public readonly record struct PortWindows(ushort First, ushort Last, int Turn)
{
    /// <summary>Ports of a window: an even number.</summary>
    public const int Width = 16;

    /// <summary>Ports among which one window lies.</summary>
    public const int Period = Width * Parts;

    /// <summary>How many parts there are.</summary>
    public const int Parts = 16;

    // Odd, so that all places come in turn.
    private const int Step = 5;

    // struct inet_diag_bc_op (linux/inet_diag.h): one for a jump, two for a comparison of a port.
    private const byte GreaterOrEqual = 2;
    private const byte Jump = 1;
    private const int JumpSize = 4;
    private const int ComparisonSize = 2 * JumpSize;

    /// <summary>Whether a port is of this part.</summary>
    public bool Contains(ushort port) => port >= First && port <= Last && port % Period / Width == PlaceIn(port / Period);

    /// <summary>How many bytes <see cref="WriteFilter"/> takes.</summary>
    internal int FilterSize => SizeOf(Edges().Count);

    /// <summary>Writes the program that lets the sockets of these local ports through: a tree of comparisons (net/ipv4/inet_diag.c:inet_diag_bc_run), each of which goes on where it holds and jumps where not.</summary>
    /// <param name="code">As many bytes as <see cref="FilterSize"/>.</param>
    internal void WriteFilter(Span<byte> code) => Write(code, CollectionsMarshal.AsSpan(Edges()), 0);

    private int PlaceIn(int run) => (Turn + (run * Step)) % Parts;

    // Where windows begin and where they end: a port is in one if it has an odd number of these at or below it.
    private List<int> Edges()
    {
        List<int> edges = [];
        for (int run = First / Period; run <= Last / Period; run++)
        {
            int begin = (run * Period) + (PlaceIn(run) * Width);
            int from = Math.Max(begin, First);
            int to = Math.Min(begin + Width, Last + 1);
            if (from < to)
            {
                edges.Add(from);
                if (to <= ushort.MaxValue)
                {
                    edges.Add(to);
                }
            }
        }

        return edges;
    }

    private static int SizeOf(int edges) => (edges * ComparisonSize) + ((edges + 1) * JumpSize);

    // What is left of the code behind a leaf is where it jumps to: its end accepts, and four bytes past that reject.
    private static void Write(Span<byte> code, ReadOnlySpan<int> edges, int below)
    {
        if (edges.IsEmpty)
        {
            code[0] = Jump;
            code[1] = JumpSize;
            MemoryMarshal.Write(code[2..], (ushort)(code.Length + (below % 2 == 1 ? 0 : JumpSize)));
            return;
        }

        int middle = edges.Length / 2;
        int upper = SizeOf(edges.Length - middle - 1);
        code[0] = GreaterOrEqual;
        code[1] = ComparisonSize;
        MemoryMarshal.Write(code[2..], (ushort)(ComparisonSize + upper));
        MemoryMarshal.Write(code[(JumpSize + 2)..], (ushort)edges[middle]);
        Write(code[ComparisonSize..], edges[(middle + 1)..], below + middle + 1);
        Write(code[(ComparisonSize + upper)..], edges[..middle], below);
    }
}
