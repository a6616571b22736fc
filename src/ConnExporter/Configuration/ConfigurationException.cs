namespace ConnExporter.Configuration;

/// <summary>A setting that cannot be used. The message names the place, the offending text and what would be right, in one line.</summary>
internal sealed class ConfigurationException(string message) : Exception(message.ReplaceLineEndings(" | "));
