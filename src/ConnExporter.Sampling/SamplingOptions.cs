using System.Collections.Immutable;
using ConnExporter.Kernel.Namespaces;

namespace ConnExporter.Sampling;

/// <summary>What is read, where and how often.</summary>
internal record SamplingOptions
{
    /// <summary>The default of <see cref="CpuBudget"/>.</summary>
    public const double DefaultCpuBudget = 0.01;

    /// <summary>Where proc is mounted.</summary>
    public required string ProcPath { get; init; }

    /// <summary>Where sysfs is mounted.</summary>
    public required string SysPath { get; init; }

    /// <summary>Where the host's file system is mounted.</summary>
    public required string RootPath { get; init; }

    /// <summary>Which network namespaces are read besides our own.</summary>
    public required NamespaceScope Namespaces { get; init; }

    /// <summary>The enabled collectors and their intervals.</summary>
    public required ImmutableDictionary<string, TimeSpan> Collectors { get; init; }

    /// <summary>Share of one core that sampling may take, over any five minutes.</summary>
    public double CpuBudget { get; init; } = DefaultCpuBudget;

    /// <summary>How the census counts and what it shows.</summary>
    public required CensusOptions Census { get; init; }
}

/// <summary>How the census counts and what it shows.</summary>
/// <param name="Top">Rows of each family that names holders.</param>
/// <param name="Destinations">Rows of the family of destinations.</param>
/// <param name="Keys">Keys of each kind that are counted exactly; beyond it the counts have a known error.</param>
/// <param name="FoldV4">Bits of an IPv4 peer's address that are told apart.</param>
/// <param name="FoldV6">Bits of an IPv6 peer's address that are told apart.</param>
/// <param name="IdleAges">Whether the idle times of ESTABLISHED sockets are asked for, which takes each socket's lock.</param>
/// <param name="ProbePorts">Whether the kernel is asked for an ephemeral port where most of them are in use.</param>
internal sealed record CensusOptions(int Top, int Destinations, int Keys, int FoldV4, int FoldV6, bool IdleAges, bool ProbePorts = true)
{
    /// <summary>Whether all holders are looked for in the first census, whatever that costs: for a single look.</summary>
    public bool AllAtOnce { get; init; }
}
