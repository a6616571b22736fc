namespace ConnExporter.Web.Connections;

/// <summary>An address cannot be listened on. The message says in one line which, and why.</summary>
/// <remarks>An <see cref="IOException"/>, or Kestrel would try another address in its place.</remarks>
internal sealed class ListenException(string address, string reason, Exception? cause = null) : IOException($"cannot listen on {address}: {reason}", cause);

/// <summary>There is nothing to listen on. The message says why, in one line.</summary>
internal sealed class NoListenerException(string message) : Exception(message);
