using System.Collections.Immutable;
using System.Globalization;

namespace ConnExporter.Benchmarks;

/// <summary>What to measure, and on how much.</summary>
internal sealed record BenchmarkSettings
{
    public static readonly ImmutableArray<string> Names = ["states", "census", "memory", "descriptors"];

    public ImmutableArray<string> Chosen { get; init; } = Names;

    public int Sockets { get; init; } = 200_000;

    public int Peers { get; init; } = 20_000;

    public int TimeWait { get; init; } = 30_000;

    public int MemorySockets { get; init; } = 1_000_000;

    public int MemoryPeers { get; init; } = 200_000;

    public int Processes { get; init; } = 1000;

    public int Each { get; init; } = 300;

    public int Rounds { get; init; } = 5;

    public string? Output { get; init; }

    /// <summary>Reads the arguments; null where help was asked for.</summary>
    public static BenchmarkSettings? Parse(string[] args)
    {
        var settings = new BenchmarkSettings();
        ImmutableArray<string>.Builder chosen = ImmutableArray.CreateBuilder<string>();
        for (int i = 0; i < args.Length; i++)
        {
            string argument = args[i];
            if (argument is "--help" or "-h")
            {
                return null;
            }

            if (Names.Contains(argument, StringComparer.Ordinal))
            {
                chosen.Add(argument);
                continue;
            }

            string value = i + 1 < args.Length ? args[++i] : throw new BenchmarkException($"{argument}: a value is missing, or no such benchmark (see --help)");
            settings = argument switch
            {
                "--sockets" => settings with { Sockets = Number(argument, value) },
                "--peers" => settings with { Peers = Number(argument, value) },
                "--time-wait" => settings with { TimeWait = Number(argument, value) },
                "--memory-sockets" => settings with { MemorySockets = Number(argument, value) },
                "--memory-peers" => settings with { MemoryPeers = Number(argument, value) },
                "--processes" => settings with { Processes = Number(argument, value) },
                "--each" => settings with { Each = Number(argument, value) },
                "--rounds" => settings with { Rounds = Number(argument, value) },
                "--write" => settings with { Output = value },
                _ => throw new BenchmarkException($"{argument}: no such option (see --help)"),
            };
        }

        return chosen.Count == 0 ? settings : settings with { Chosen = chosen.ToImmutable() };
    }

    private static int Number(string option, string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
            ? number
            : throw new BenchmarkException($"{option}: '{value}' is no number above 0");
}

/// <summary>A benchmark that cannot be run here, and why.</summary>
internal sealed class BenchmarkException(string message) : Exception(message);
