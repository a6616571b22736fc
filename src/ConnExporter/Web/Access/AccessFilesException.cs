namespace ConnExporter.Web.Access;

/// <summary>A certificate, a key or the means for TLS that cannot be used. The message names the place and the file, in one line.</summary>
internal sealed class AccessFilesException(string message) : Exception(message.ReplaceLineEndings(" | "));
