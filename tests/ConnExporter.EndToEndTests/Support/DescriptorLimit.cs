using System.Diagnostics;
using System.Globalization;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>A lower soft limit on the descriptors of a running process, until it is disposed of. It takes prlimit(1).</summary>
internal sealed class DescriptorLimit : IDisposable
{
    private readonly int processId;
    private readonly string before;

    /// <summary>Sets the limit.</summary>
    /// <param name="processId">The process.</param>
    /// <param name="limit">Its descriptors have lower numbers than that.</param>
    public DescriptorLimit(int processId, int limit)
    {
        this.processId = processId;
        before = File.ReadLines($"/proc/{processId}/limits").Single(line => line.StartsWith("Max open files", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[3];
        Set(limit.ToString(CultureInfo.InvariantCulture));
    }

    public void Dispose()
    {
        if (Directory.Exists($"/proc/{processId}"))
        {
            Set(before);
        }
    }

    private void Set(string limit)
    {
        using var prlimit = Process.Start("prlimit", [$"--pid={processId}", $"--nofile={limit}:"]);
        prlimit.WaitForExit();
        prlimit.ExitCode.ShouldBe(0);
    }
}
