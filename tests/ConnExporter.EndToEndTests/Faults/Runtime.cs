namespace ConnExporter.EndToEndTests.Faults;

/// <summary>What of a failure is the runtime's affair and not ours.</summary>
internal static class Runtime
{
    /// <summary>
    /// By default the runtime writes code through a second mapping of it, and ends the process where the kernel refuses one ("Failed to create RW mapping for
    /// RX memory"). Nothing of ours is asked, so those mappings are left out where mappings fail.
    /// </summary>
    public static Dictionary<string, string> WithoutSecondMappings => new() { ["DOTNET_EnableWriteXorExecute"] = "0" };
}
