using System.Diagnostics;
using System.Text.Json;

namespace ConnExporter.KernelTests.Judge;

/// <summary>What a program said of a world, beside what the kernel did.</summary>
/// <param name="World">The world.</param>
/// <param name="FalseNothing">What the kernel refused and the program said nothing of.</param>
/// <param name="FalseCritical">What the program called critical, or used up, and the kernel still gave.</param>
/// <param name="WrongFigures">Ranges of taken ports that the truth is not in.</param>
/// <param name="Untold">Destinations of which the range leaves open whether they have a port, and which are not critical anyway; or that the program said that it is not complete.</param>
internal sealed record PortJudgement(PortWorld World, IReadOnlyList<string> FalseNothing, IReadOnlyList<string> FalseCritical, IReadOnlyList<string> WrongFigures, IReadOnlyList<string> Untold)
{
    // Critical is 95 %, or the kernel's word.
    private const double CriticalLeft = 0.05;
    private const int MostLooks = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    private static readonly string[] Severities = ["critical", "warning", "info"];
    private static readonly string[] OfPorts = ["ephemeral_ports_exhausting", "ephemeral_ports_blocked_by_bind", "time_wait_storm"];

    /// <summary>The worst severity of a finding on ports; null where there is none.</summary>
    public string? Severity { get; private init; }

    /// <summary>How many connections to a destination that nobody is connected to the kernel gave a port.</summary>
    public int Anybody { get; private init; }

    /// <summary>The fewest that it gave for one of the world's destinations.</summary>
    public int Fewest { get; private init; }

    public bool CouldNotTell => Untold.Count > 0;

    public IEnumerable<string> Faults =>
        FalseNothing.Select(text => $"false nothing: {text}").Concat(FalseCritical.Select(text => $"false critical: {text}")).Concat(WrongFigures.Select(text => $"wrong figures: {text}"));

    /// <summary>Makes a world, has programs look at it, and then asks the kernel.</summary>
    /// <param name="world">The world.</param>
    /// <param name="programs">What is run, with <c>diagnose</c> and its flags behind it.</param>
    public static PortJudgement[] Of(PortWorld world, params IReadOnlyList<string[]> programs)
    {
        using var scene = new PortScene(world);
        JsonElement[] said = [.. programs.Select(program => Look(scene.Network, program))];
        return Judge(world, scene, said);
    }

    // A machine without time for the program is not what is judged: it says itself that it is not complete, and looks again.
    private static JsonElement Look(NetworkNamespace network, string[] program)
    {
        JsonElement said = default;
        for (int i = 0; i < MostLooks; i++)
        {
            said = LookOnce(network, program);
            if (said.GetProperty("complete").GetBoolean())
            {
                break;
            }
        }

        return said;
    }

    private static JsonElement LookOnce(NetworkNamespace network, string[] program)
    {
        // Where it would look for a daemon there is none.
        using Process process = network.Start(program[0], [.. program[1..], "diagnose", "--json", "--lang=en", "--netns=host", "--web.listen-address=127.0.0.1:1"]);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        process.WaitForExit(Patience).ShouldBeTrue("diagnose did not end");
        process.ExitCode.ShouldBeInRange(0, 3, errors.GetAwaiter().GetResult());
        using var document = JsonDocument.Parse(output.GetAwaiter().GetResult());
        return document.RootElement.Clone();
    }

    private static PortJudgement[] Judge(PortWorld world, PortScene scene, JsonElement[] said)
    {
        // The kernel is asked once, of what all have seen. Those that bind come last: what they take is gone for connect().
        int anybody = scene.GivenToAnybody();
        (string Name, int Given)[] given = [.. scene.Keys.Select(key => (key.Name, scene.Given(key.Destination, key.Source)))];
        bool? entered = world.Backlog is null ? null : scene.CanEnterQueue();
        bool canBind = scene.CanBind();
        return [.. said.Select(document => Judge(world, document, anybody, given, canBind, entered))];
    }

    private static PortJudgement Judge(PortWorld world, JsonElement document, int anybody, (string Name, int Given)[] given, bool canBind, bool? entered)
    {
        JsonElement[] findings = [.. document.GetProperty("findings").EnumerateArray().Where(finding => Text(finding, "netns") == "self")];
        JsonElement[] ports = [.. findings.Where(finding => OfPorts.Contains(Text(finding, "finding")))];
        var nothing = new List<string>();
        var critical = new List<string>();
        var figures = new List<string>();
        bool isWarned = ports.Any(finding => Text(finding, "severity") is "warning" or "critical");
        nothing.AddRange(given.Append(("anybody", anybody)).Where(key => key.Item2 == 0 && !isWarned).Select(key => $"connect() to {key.Item1}"));
        if (!canBind && ports.Length == 0)
        {
            nothing.Add("bind()");
        }

        foreach (JsonElement finding in ports.Where(finding => Text(finding, "severity") == "critical" && Text(finding, "finding") != "time_wait_storm"))
        {
            string instance = Text(finding, "instance");
            int left = instance == "host" ? anybody : given.Where(key => key.Name == instance).Select(key => (int?)key.Given).FirstOrDefault() ?? world.Usable;
            bool isUsedUp = finding.GetProperty("evidence").EnumerateArray().Any(fact => Text(fact, "key") is "ports_none_left" or "ports_none_for_anybody");
            if (left > (isUsedUp ? 0 : CriticalLeft * world.Usable))
            {
                critical.Add($"{Text(finding, "finding")} of {instance}, {left} of {world.Usable} left");
            }
        }

        if (!document.GetProperty("complete").GetBoolean())
        {
            return new PortJudgement(world, [], critical, [], ["not complete"]) { Anybody = anybody, Fewest = given.Min(key => key.Given) };
        }

        var untold = new List<string>();
        untold.AddRange(ports.Where(finding => finding.GetProperty("evidence").EnumerateArray().Any(fact => Text(fact, "key") == "ports_not_asked")).Select(_ => "the kernel was not asked"));
        foreach (JsonElement instance in document.GetProperty("resources").EnumerateArray().Where(resource => Text(resource, "resource") == "ephemeral_ports" && Text(resource, "netns") == "self")
            .SelectMany(resource => resource.GetProperty("instances").EnumerateArray()))
        {
            double used = instance.GetProperty("used").GetDouble();
            double possible = instance.TryGetProperty("possible", out JsonElement most) ? most.GetDouble() : used;
            int? truth = given.Where(key => key.Name == Text(instance, "instance")).Select(key => (int?)key.Given).FirstOrDefault();
            if (used < (1 - CriticalLeft) * world.Usable && possible >= world.Usable)
            {
                untold.Add($"{Text(instance, "instance")}: {used} to {possible} of {world.Usable}, and the kernel gave {truth}");
            }

            if (truth is { } left && (world.Usable - left < used || world.Usable - left > possible))
            {
                figures.Add($"{Text(instance, "instance")}: {used} to {possible} of {world.Usable}, and the kernel gave {left}");
            }
        }

        bool isQueueNamed = findings.Any(finding => Text(finding, "finding") == "accept_queue_overflowing");
        if (entered == false && !isQueueNamed)
        {
            nothing.Add("a full accept queue");
        }
        else if (entered == true && isQueueNamed)
        {
            critical.Add("an accept queue that has room");
        }

        return new PortJudgement(world, nothing, critical, figures, untold)
        {
            Severity = Severities.FirstOrDefault(severity => ports.Any(finding => Text(finding, "severity") == severity)),
            Anybody = anybody,
            Fewest = given.Min(key => key.Given),
        };
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;
}
