namespace ConnExporter.Terminal;

/// <summary>Standard output cannot be written. The message says in one line why.</summary>
/// <remarks>No <see cref="IOException"/>: who catches those has something else in mind. Of a closed descriptor the framework says that a path is denied.</remarks>
internal sealed class OutputException(Exception cause) : Exception($"cannot write the output: {(cause is UnauthorizedAccessException { InnerException: { } kernel } ? kernel : cause).Message.TrimEnd('.')}", cause);
