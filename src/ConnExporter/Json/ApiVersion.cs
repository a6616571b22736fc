namespace ConnExporter.Json;

/// <summary>The version of the JSON documents: what is in them is neither renamed nor given another meaning without a new one. New members may come at any time.</summary>
internal static class ApiVersion
{
    public const int Number = 1;
}
