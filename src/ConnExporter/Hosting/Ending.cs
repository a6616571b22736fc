using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using ConnExporter.Kernel;

namespace ConnExporter.Hosting;

/// <summary>The way out of the program.</summary>
/// <remarks>
/// The runtime's own waits for the thread that runs finalizers, without bound. A process that was short of memory in the wrong moment of its start has none,
/// and would otherwise never end.
/// </remarks>
internal static class Ending
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>Ends the process on the spot where the runtime could not; else leaves that to it.</summary>
    /// <param name="code">The exit code.</param>
    /// <returns>The exit code.</returns>
    public static int With(int code)
    {
        if (!FinalizersRun())
        {
            ProcessEnd.Now(code);
        }

        return code;
    }

    /// <summary>Whether the thread that runs finalizers is there and gets on.</summary>
    internal static bool FinalizersRun()
    {
        var ran = new ManualResetEventSlim();
        Drop(ran);
        GC.Collect();
        return ran.Wait(Patience);
    }

    // Not inlined, or the caller's stack would keep it alive.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Drop(ManualResetEventSlim ran) => _ = new Dropped(ran);

    private sealed class Dropped(ManualResetEventSlim ran)
    {
        [SuppressMessage("Design", "MA0055:Do not use finalizer", Justification = "Whether it runs is the question.")]
        ~Dropped() => ran.Set();
    }
}
