namespace ConnExporter.Tests.Support;

/// <summary>Files of every Linux that behave as no file of a test's own can.</summary>
internal static class KernelFiles
{
    /// <summary>A sysctl that can only be written: reading it is denied to everybody, root included.</summary>
    public const string WriteOnly = "/proc/sys/net/ipv4/route/flush";
}
