using System.Collections.Immutable;
using System.Globalization;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Settings that do not fit each other, or do not do what many believe. Its explanation is the text <c>fact.ID</c>.</summary>
internal abstract class TuningRule(string id, params ImmutableArray<Severity> severities) : Rule(id, severities)
{
    // A setting does not come and go: what it says now is so.
    public override ImmutableArray<Input> Inputs => [Input.Settings];

    public override bool MustLast => false;

    public sealed override Verdict? Judge(Observation seen, Severity? held) => seen.Settings is { } settings ? Judge(seen, settings) : null;

    /// <summary>Looks at settings that were read.</summary>
    protected abstract Verdict? Judge(Observation seen, SettingsReading settings);

    /// <summary>A verdict that shows the values of some settings, who set them, and the explanation.</summary>
    /// <param name="severity">How bad it is.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="names">Which of them it is about.</param>
    /// <param name="facts">What else was seen.</param>
    protected Verdict Tell(Severity severity, SettingsReading settings, ImmutableArray<string> names, params ImmutableArray<Fact> facts) => new(severity, ResourceInstance.Host)
    {
        Evidence =
        [
            .. names.Select(name => (name, value: settings.Text(name))).Where(pair => pair.value is not null).Select(pair => new Fact("setting_value", ("name", pair.name), ("value", pair.value!))),
            .. facts,
            new Fact(Id),
            .. names.Select(settings.AssignmentOf).OfType<SysctlAssignment>().Select(SetIn),
        ],
        Settings = names,
    };

    /// <summary>Where a file sets something.</summary>
    protected static Fact SetIn(SysctlAssignment assignment) =>
        new("setting_in_file", ("name", assignment.Name), ("value", assignment.Value), ("path", new OutsideName(assignment.Path)), ("line", assignment.Line.ToString(CultureInfo.InvariantCulture)));

    /// <summary>Who holds a listener; null where that is not known.</summary>
    protected static Holder? HolderOf(Observation seen, ListenersReading.Row row) => seen.ListenerOf(row.Address, row.Port) is { } counted
        ? Holder.Of(counted.Process, counted.Unit) with { ProcessId = counted.Owner?.Pid, StartedAt = seen.StartOf(counted.Owner?.StartTicks) }
        : null;

    /// <summary>The command that takes a line out of a file, if it is still there; a link to the file stays a link.</summary>
    /// <remarks>The name is one of the catalogue: letters, digits and underscores, which mean themselves to sed.</remarks>
    protected static ShellCommand CommentOut(SysctlAssignment assignment) =>
        ShellCommand.Of("sed", "-i", "--follow-symlinks", $"{assignment.Line}{{/{assignment.Name[(assignment.Name.LastIndexOf('.') + 1)..]}/" + "s/^/# /}").On(assignment.Path);
}
