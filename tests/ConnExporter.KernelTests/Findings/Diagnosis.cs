using System.Diagnostics;
using System.Text.Json;

namespace ConnExporter.KernelTests.Findings;

/// <summary>What <c>diagnose --json</c> says in a namespace. Only findings of that namespace count: the host's other ones are not the test's.</summary>
internal sealed class Diagnosis
{
    private const string HostProcesses = "process_descriptors_exhausting";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly string text;
    private readonly JsonElement root;

    private Diagnosis(string text)
    {
        this.text = text;
        using var document = JsonDocument.Parse(text);
        root = document.RootElement.Clone();
    }

    /// <summary>The findings: name, severity.</summary>
    public IEnumerable<(string Id, string Severity)> Findings => All.Select(finding => (finding.GetProperty("finding").GetString()!, finding.GetProperty("severity").GetString()!));

    /// <summary>The findings of another network namespace: name and instance.</summary>
    public IEnumerable<(string Id, string Instance)> FindingsIn(NetworkNamespace other) => root.GetProperty("findings").EnumerateArray()
        .Where(finding => finding.GetProperty("netns").GetString() == other.Name).Select(finding => (finding.GetProperty("finding").GetString()!, finding.GetProperty("instance").GetString()!));

    /// <summary>Those that are warnings or worse, of the network namespace: the descriptors of a process somewhere on the host are not the test's.</summary>
    public IEnumerable<string> Alarms => Findings.Where(finding => finding.Severity != "info" && finding.Id != HostProcesses).Select(finding => finding.Id);

    private IEnumerable<JsonElement> All => root.GetProperty("findings").EnumerateArray().Where(finding => finding.GetProperty("netns").GetString() == "self");

    /// <summary>What was said elsewhere.</summary>
    /// <param name="json">The document.</param>
    public static Diagnosis OfDocument(string json) => new(json);

    /// <summary>Looks once.</summary>
    public static Diagnosis Of(NetworkNamespace network, params IEnumerable<string> flags) => Under(network, [], flags);

    /// <summary>Looks once out of a cgroup namespace of its own as well.</summary>
    public static Diagnosis FromCgroupNamespace(NetworkNamespace network) => Under(network, ["unshare", "-C"]);

    /// <summary>Looks once, started by another program.</summary>
    public static Diagnosis Under(NetworkNamespace network, IReadOnlyCollection<string> starter, params IEnumerable<string> flags)
    {
        // The exit status tells the verdict, which may be that of the whole host.
        string[] command = [.. starter, .. Places.Program, "diagnose", "--json", "--lang=en", .. flags.Any(flag => flag.StartsWith("--netns=", StringComparison.Ordinal)) ? [] : new[] { "--netns=host" }, .. flags];
        using Process process = network.Start(command[0], command[1..]);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        process.WaitForExit(Patience).ShouldBeTrue("diagnose did not end");
        process.ExitCode.ShouldBeInRange(0, 3, errors.GetAwaiter().GetResult());
        return new Diagnosis(output.GetAwaiter().GetResult());
    }

    /// <summary>Looks until a finding holds.</summary>
    public static Diagnosis Until(NetworkNamespace network, string finding, params IReadOnlyCollection<string> flags) =>
        Poll.Until(() => Of(network, flags), seen => seen.Has(finding), finding, Patience);

    /// <summary>Looks until a finding is gone.</summary>
    public static Diagnosis UntilEnd(NetworkNamespace network, string finding, params IReadOnlyCollection<string> flags) =>
        Poll.Until(() => Of(network, flags), seen => !seen.Has(finding), $"the end of {finding}", Patience);

    /// <summary>Whether everything was seen that verdicts rest on.</summary>
    public bool IsComplete => root.GetProperty("complete").GetBoolean();

    /// <summary>Why something was not seen; null where it was.</summary>
    public string? WhyNotSeen(string what) => root.GetProperty("not_seen").EnumerateArray().FirstOrDefault(one => one.GetProperty("what").GetString() == what) is { ValueKind: JsonValueKind.Object } one
        ? one.GetProperty("why").GetString()
        : null;

    /// <summary>Whether a finding holds.</summary>
    public bool Has(string finding) => Findings.Any(found => found.Id == finding);

    /// <summary>Its instance.</summary>
    public string InstanceOf(string finding) => Find(finding).GetProperty("instance").GetString()!;

    /// <summary>Its severity.</summary>
    public string SeverityOf(string finding) => Find(finding).GetProperty("severity").GetString()!;

    /// <summary>Its biggest holder's process; null where none is known.</summary>
    public int? HolderOf(string finding) => Find(finding).GetProperty("holders").EnumerateArray().FirstOrDefault() is { ValueKind: JsonValueKind.Object } holder && holder.TryGetProperty("pid", out JsonElement pid) ? pid.GetInt32() : null;

    /// <summary>Its title.</summary>
    public string TitleOf(string finding) => Find(finding).GetProperty("title").GetString()!;

    /// <summary>Its holders, as far as they are single processes.</summary>
    public IReadOnlyList<(string Name, int ProcessId)> HoldersOf(string finding) =>
        [.. Find(finding).GetProperty("holders").EnumerateArray().Where(holder => holder.TryGetProperty("pid", out _)).Select(holder => (holder.GetProperty("name").GetString()!, holder.GetProperty("pid").GetInt32()))];

    /// <summary>The titles of its remedies.</summary>
    public IReadOnlyList<string> RemediesOf(string finding) => [.. Find(finding).GetProperty("remedies").EnumerateArray().Select(remedy => remedy.GetProperty("title").GetString()!)];

    /// <summary>Its evidence as text.</summary>
    public string EvidenceOf(string finding) => string.Join('\n', Find(finding).GetProperty("evidence").EnumerateArray().Select(fact => fact.GetProperty("text").GetString()));

    /// <summary>How much of a resource may be used.</summary>
    public double Possible(string resource, string instance) => root.GetProperty("resources").EnumerateArray().Where(kind => kind.GetProperty("netns").GetString() == "self" && kind.GetProperty("resource").GetString() == resource)
        .SelectMany(kind => kind.GetProperty("instances").EnumerateArray()).First(one => one.GetProperty("instance").GetString() == instance) is var found && found.TryGetProperty("possible", out JsonElement possible)
            ? possible.GetDouble()
            : found.GetProperty("used").GetDouble();

    /// <summary>All commands of all remedies, but for those for processes of the host, which may be anybody's.</summary>
    public string[] Commands => [.. All.Where(finding => finding.GetProperty("finding").GetString() != HostProcesses).SelectMany(CommandsIn)];

    /// <summary>All commands of a finding.</summary>
    public string[] CommandsOf(string finding) => [.. CommandsIn(Find(finding))];

    /// <summary>The most frequent of what fills the connection tracking table.</summary>
    /// <param name="kind">sources, destinations, protocols or states.</param>
    public string MostOfConntrack(string kind) => root.GetProperty("conntrack").GetProperty(kind).EnumerateArray().First().GetProperty("name").GetString()!;

    public override string ToString() => text;

    private static IEnumerable<string> CommandsIn(JsonElement finding) =>
        finding.GetProperty("remedies").EnumerateArray().SelectMany(remedy => remedy.GetProperty("commands").EnumerateArray()).Select(command => command.GetString()!);

    private JsonElement Find(string finding) => All.First(found => found.GetProperty("finding").GetString() == finding);
}
