namespace ConnExporter.Kernel.Namespaces;

/// <summary>Which network namespaces are read.</summary>
public enum NamespaceScope
{
    /// <summary>The others too, from inside where that is permitted, else what <c>/proc/PID/net</c> tells of them.</summary>
    Auto,

    /// <summary>Only the one the process is in.</summary>
    Host,

    /// <summary>The others too; where none can be entered that is a failure.</summary>
    All,
}
