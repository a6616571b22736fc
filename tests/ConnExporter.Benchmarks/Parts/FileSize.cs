namespace ConnExporter.Benchmarks.Parts;

/// <summary>How large the published file is.</summary>
internal static class FileSize
{
    private const double Target = 15;

    public static Part Part { get; } = new("size", "The file", "size of the published file", _ => TimeSpan.FromSeconds(1), Run);

    private static void Run(Bench bench, Section section)
    {
        section.Say("One file of native code: nothing but the C library is needed to run it.");
        section.Bound("published for linux-x64", [new FileInfo(bench.Daemon.File).Length / Unit.Megabyte], Target, "MB");
    }
}
