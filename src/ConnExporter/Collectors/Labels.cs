namespace ConnExporter.Collectors;

/// <summary>Label values that several collectors share.</summary>
internal static class Labels
{
    /// <summary>The row that holds what a bound left out, so that sums hold.</summary>
    public const string Other = "other";
}
