using System.Collections.Immutable;

namespace ConnExporter.Sampling.Tuning;

/// <summary>A sysctl that connections depend on. What it does and when to change it: the texts <c>setting.NAME.what</c> and <c>setting.NAME.advice</c>.</summary>
/// <param name="Name">As sysctl has it: <c>net.core.somaxconn</c>.</param>
/// <param name="Shape">What its value looks like.</param>
/// <param name="Scope">Who has a value of its own.</param>
/// <param name="Defaults">The kernel's defaults, oldest first; a distribution may set another. None where the kernel works it out from the memory of the host.</param>
internal sealed record TuningSetting(string Name, SettingShape Shape, SettingScope Scope, params ImmutableArray<SettingDefault> Defaults)
{
    /// <summary>The Linux version from which on it is no more; null where it still is.</summary>
    public Version? RemovedIn { get; init; }

    /// <summary>Whose kernels alone have it; null where the mainline kernel does.</summary>
    public string? Vendor { get; init; }

    /// <summary>Its file below proc.</summary>
    public string Path => "sys/" + Name.Replace('.', '/');

    /// <summary>What a kernel starts with.</summary>
    /// <param name="kernel">The version; null for the newest.</param>
    /// <returns>Null where that depends on the host's memory.</returns>
    public string? DefaultOn(Version? kernel) => Defaults.LastOrDefault(entry => kernel is null || entry.Since is null || kernel >= entry.Since)?.Value;
}

/// <summary>A default.</summary>
/// <param name="Value">As the kernel writes it.</param>
/// <param name="Since">The first version that has it; null for the oldest known.</param>
internal sealed record SettingDefault(string Value, Version? Since = null);

/// <summary>What the value of a sysctl looks like.</summary>
internal enum SettingShape
{
    /// <summary>One number; shown as <c>conn_sysctl</c>.</summary>
    Number,

    /// <summary>Several numbers; families of their own show what they mean.</summary>
    Numbers,

    /// <summary>A list of ports and ranges.</summary>
    Ports,
}

/// <summary>Who has a value of its own.</summary>
internal enum SettingScope
{
    /// <summary>One for the whole host.</summary>
    Host,

    /// <summary>Each network namespace.</summary>
    Namespace,
}
