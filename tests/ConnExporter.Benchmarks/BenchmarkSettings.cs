using System.Collections.Immutable;
using System.Globalization;

namespace ConnExporter.Benchmarks;

/// <summary>What to measure, and on how much.</summary>
internal sealed record BenchmarkSettings
{
    /// <summary>The names of the parts to run.</summary>
    public ImmutableArray<string> Chosen { get; init; } = [.. Suite.Parts.Select(part => part.Name)];

    /// <summary>Socket counts of the table of sizes.</summary>
    public ImmutableArray<int> Sizes { get; init; } = [1_000, 10_000, 100_000, 200_000, 1_000_000];

    /// <summary>Sockets wherever very many are meant.</summary>
    public int Sockets { get; init; } = 1_000_000;

    /// <summary>The distinct peers that they have.</summary>
    public int Peers { get; init; } = 200_000;

    public int Rounds { get; init; } = 5;

    /// <summary>How long a round lasts where CPU time at default intervals is measured.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Samples at whose end the memory is looked at, with a first look after a tenth of them.</summary>
    public int GrowthSamples { get; init; } = 10_000;

    /// <summary>A daemon that is published already; null publishes the one of this source.</summary>
    public string? Daemon { get; init; }

    /// <summary>The report to write; null prints only.</summary>
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

            if (settings.Chosen.Contains(argument, StringComparer.Ordinal))
            {
                chosen.Add(argument);
                continue;
            }

            string value = i + 1 < args.Length ? args[++i] : throw new BenchmarkException($"{argument}: a value is missing, or no such part (see --help)");
            settings = argument switch
            {
                "--sizes" => settings with { Sizes = [.. value.Split(',').Select(size => Number(argument, size)).Order()] },
                "--sockets" => settings with { Sockets = Number(argument, value) },
                "--peers" => settings with { Peers = Number(argument, value) },
                "--rounds" => settings with { Rounds = Number(argument, value) },
                "--window" => settings with { Window = TimeSpan.FromSeconds(Number(argument, value)) },
                "--growth-samples" => settings with { GrowthSamples = Number(argument, value) },
                "--daemon" => settings with { Daemon = value },
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
