using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace ConnExporter.Tests.Support;

internal static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Waits until another thread has made something true.</summary>
    public static void True(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        long start = Stopwatch.GetTimestamp();
        var spin = default(SpinWait);
        while (!condition())
        {
            (Stopwatch.GetElapsedTime(start) < Patience).ShouldBeTrue($"waited {Patience.TotalSeconds} s for {what}");
            spin.SpinOnce();
        }
    }
}
