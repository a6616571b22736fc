namespace ConnExporter.Kernel.Namespaces;

/// <summary>One stop of a tour through network namespaces.</summary>
/// <param name="Path">The namespace: <c>/proc/PID/ns/net</c> or where it is mounted; null where that may not even be seen, which is a refusal.</param>
/// <param name="Inode">Its inode number: what is at the path may have changed since it was found.</param>
/// <param name="Work">What to do there.</param>
/// <param name="Refused">Told where it is gone (Absent) or may not be entered (Denied, with the capabilities that are missing).</param>
public sealed record NamespaceVisit(string? Path, ulong Inode, Action Work, Action<KernelReadException> Refused)
{
    /// <summary>The bytes of a path that are no UTF-8; null for all others.</summary>
    public byte[]? RawPath { get; init; }
}
