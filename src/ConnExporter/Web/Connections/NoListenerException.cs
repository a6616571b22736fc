namespace ConnExporter.Web.Connections;

/// <summary>There is nothing to listen on. The message says why, in one line.</summary>
internal sealed class NoListenerException(string message) : Exception(message);
