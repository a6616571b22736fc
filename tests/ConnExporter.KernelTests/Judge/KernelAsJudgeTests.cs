using System.Collections.Concurrent;
using System.Globalization;
using Xunit.Abstractions;

namespace ConnExporter.KernelTests.Judge;

/// <summary>
/// Random worlds of ephemeral ports and accept queues in network namespaces of their own: what <c>diagnose</c> says of them is held against what connect(),
/// bind() and accept do there. <c>KERNEL_JUDGE_WORLDS</c> sets how many, <c>_SEED</c> the first (without it half of them are always the same and half are new), <c>_PROGRAM</c> a published binary instead of the build,
/// <c>_BESIDE</c> another one for comparison.
/// </summary>
public class KernelAsJudgeTests(ITestOutputHelper output)
{
    private const string Prefix = "KERNEL_JUDGE_";
    private const int Worlds = 30;

    // Half of the worlds are always the same, the others are new each time.
    private const int FirstSeed = 200;
    private const int NewSeeds = 1_000_000;
    private const double MayNotTell = 0.05;
    private static readonly string[] Program = Environment.GetEnvironmentVariable(Prefix + "PROGRAM") is { } binary ? [binary] : Places.Program;

    [KernelFact("dotnet", "nsenter")]
    public void Random_worlds_are_what_the_kernel_says_they_are()
    {
        int worlds = Number("WORLDS") ?? Worlds;
        int[] seeds = Number("SEED") is { } given ? [.. Enumerable.Range(given, worlds)]
            : [.. Enumerable.Range(FirstSeed, worlds / 2), .. Enumerable.Range(Random.Shared.Next(NewSeeds, int.MaxValue - worlds), worlds - (worlds / 2))];
        string[][] programs = Environment.GetEnvironmentVariable(Prefix + "BESIDE") is { } beside ? [Program, [beside]] : [Program];
        output.WriteLine($"{worlds} worlds, seeds {seeds[0]} to {seeds[^1]}");
        var judgements = new ConcurrentBag<PortJudgement[]>();
        Parallel.ForEach(seeds, new ParallelOptions { MaxDegreeOfParallelism = 2 * Environment.ProcessorCount }, seed => judgements.Add(PortJudgement.Of(PortWorld.Of(seed), programs)));

        for (int i = 0; i < programs.Length; i++)
        {
            PortJudgement[] all = [.. judgements.Select(of => of[i]).OrderBy(judgement => judgement.World.Name, StringComparer.Ordinal)];
            output.WriteLine($"{programs[i][^1]}: {all.Length} worlds, {all.Count(one => one.FalseNothing.Count > 0)} false nothing, {all.Count(one => one.FalseCritical.Count > 0)} false critical, {all.Count(one => one.WrongFigures.Count > 0)} wrong figures, {all.Count(one => one.CouldNotTell)} could not tell");
            foreach (PortJudgement judgement in all.Where(one => one.Faults.Any() || (i == 0 && one.CouldNotTell)))
            {
                output.WriteLine($"  {judgement.World}\n    {string.Join("\n    ", judgement.Faults.Concat(judgement.Untold.Select(text => $"could not tell: {text}")))}");
            }
        }

        PortJudgement[] own = [.. judgements.Select(of => of[0])];
        own.SelectMany(one => one.Faults.Select(fault => $"{one.World.Name}: {fault}")).ShouldBeEmpty();
        own.Count(one => one.CouldNotTell).ShouldBeLessThanOrEqualTo((int)Math.Max(2, MayNotTell * worlds), "worlds of which it could not be told whether a destination has a port");
    }

    private static int? Number(string name) =>
        Environment.GetEnvironmentVariable(Prefix + name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
