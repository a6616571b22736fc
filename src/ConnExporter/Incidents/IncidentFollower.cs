using System.Collections.Immutable;
using ConnExporter.Diagnosis;

namespace ConnExporter.Incidents;

/// <summary>Tells from the reports when an incident begins, gets worse and ends. An incident lasts from the first warning until none is left.</summary>
internal sealed class IncidentFollower
{
    // How much fuller the worst resource must be to be worth another record.
    private const double Fuller = 0.05;

    private readonly Dictionary<(string Finding, string Netns), Severity> recorded = [];
    private string? incident;
    private int number;
    private DateTimeOffset lastRecord;
    private double fullest;
    private string lastId = "";
    private int sameSecond;

    /// <summary>Whether one goes on.</summary>
    public bool IsOpen => incident is not null;

    /// <summary>The incident that goes on, for the next daemon; null where none does.</summary>
    /// <param name="report">The newest report.</param>
    public OpenIncident? OpenOf(DiagnosisReport report)
    {
        if (incident is null)
        {
            return null;
        }

        // Of what came and went nothing is kept: the note is no longer than what holds.
        ImmutableArray<HeldBefore> held = [.. report.Findings.Where(IsBad).Select(finding => new HeldBefore(finding.Id, finding.Netns, finding.Severity, finding.Since)), .. report.Awaited];
        return new OpenIncident(
            incident,
            number,
            fullest,
            held,
            [.. held.Where(finding => recorded.ContainsKey((finding.Finding, finding.Netns))).Select(finding => finding with { Severity = recorded[(finding.Finding, finding.Netns)] })]);
    }

    /// <summary>Goes on with the incident of the daemon before, unless another has begun.</summary>
    public void Resume(OpenIncident open)
    {
        if (IsOpen)
        {
            return;
        }

        (incident, number, fullest) = (open.Incident, open.Number, open.Fullest);
        foreach (HeldBefore finding in open.Recorded)
        {
            recorded[(finding.Finding, finding.Netns)] = finding.Severity;
        }
    }

    /// <summary>Takes the newest report.</summary>
    /// <param name="report">The report.</param>
    /// <param name="interval">How often an incident that gets worse is recorded.</param>
    /// <returns>What is to be recorded; null where nothing is.</returns>
    public IncidentRecord? Take(DiagnosisReport report, TimeSpan interval)
    {
        Finding[] bad = [.. report.Findings.Where(IsBad)];
        if (bad.Length == 0)
        {
            return IsOpen && report.Awaited.IsEmpty ? End() : null;
        }

        double now = report.Resources.Length == 0 ? 0 : report.Resources.Max(resource => resource.Worst.UsedRatio);
        bool newlyCritical = bad.Any(finding => finding.Severity == Severity.Critical && recorded.GetValueOrDefault((finding.Id, finding.Netns)) < Severity.Critical);
        bool worse = bad.Any(finding => !recorded.TryGetValue((finding.Id, finding.Netns), out Severity before) || before < finding.Severity) || now > fullest + Fuller;
        if (IsOpen && !newlyCritical && !(worse && report.At - lastRecord >= interval))
        {
            return null;
        }

        bool begins = !IsOpen;
        incident ??= NewId(report.At);
        lastRecord = report.At;
        fullest = Math.Max(fullest, now);
        foreach (Finding finding in bad)
        {
            // What got better and worse again is no news.
            recorded[(finding.Id, finding.Netns)] = (Severity)Math.Max((int)finding.Severity, (int)recorded.GetValueOrDefault((finding.Id, finding.Netns)));
        }

        return new IncidentRecord(incident, ++number, begins ? IncidentEvent.Begin : IncidentEvent.Worsen, bad.Max(finding => finding.Severity).Label());
    }

    private static bool IsBad(Finding finding) => finding.Severity >= Severity.Warning;

    private IncidentRecord End()
    {
        var end = new IncidentRecord(incident!, ++number, IncidentEvent.End, "none");
        incident = null;
        number = 0;
        fullest = 0;
        recorded.Clear();
        return end;
    }

    private string NewId(DateTimeOffset at)
    {
        string id = IncidentRecord.IdOf(at, 1);
        sameSecond = id == lastId ? sameSecond + 1 : 1;
        lastId = id;
        return IncidentRecord.IdOf(at, sameSecond);
    }
}
