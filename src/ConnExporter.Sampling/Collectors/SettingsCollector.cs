using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Sampling.Collectors;

/// <summary>The sysctls of <see cref="SettingCatalogue"/> as they are in force, and what the host's sysctl files say of them. They are never changed.</summary>
internal sealed class SettingsCollector : Collector
{
    private readonly (TuningSetting Setting, ProcFile File)[] settings;
    private readonly ProcFile release;
    private readonly SysctlFiles? files;

    public SettingsCollector(KernelSource kernel, string root)
        : this(kernel, SettingCatalogue.Present.Concat(SettingCatalogue.OfRemedies), new SysctlFiles(root))
    {
    }

    private SettingsCollector(KernelSource kernel, IEnumerable<TuningSetting> names, SysctlFiles? files)
    {
        settings = [.. names.Select(setting => (setting, kernel.Proc.File(setting.Path)))];
        release = kernel.Proc.File("sys/kernel/osrelease");
        this.files = files;
    }

    /// <summary>For a thread that goes into other network namespaces: what each has of its own. No file of the host sets that.</summary>
    public static SettingsCollector Inside(KernelSource kernel) =>
        new(kernel, SettingCatalogue.Present.Concat(SettingCatalogue.OfRemedies).Where(setting => setting.Scope == SettingScope.Namespace), files: null);

    public override Reading Collect(CollectContext context)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        KernelReadException? failure = null;
        KernelReadException? denied = null;
        foreach ((TuningSetting setting, ProcFile file) in settings)
        {
            try
            {
                values.Add(setting.Name, Text(setting, file));
            }
            catch (KernelReadException e)
            {
                // Not every kernel and not every network namespace has all of them; a container may hide some.
                failure = failure?.Kind == FailureKind.Broken ? failure : e;
                denied ??= e.Kind == FailureKind.Denied ? e : null;
                if (e.Kind == FailureKind.Broken)
                {
                    context.Miss(e);
                }
            }
        }

        if (values.Count == 0)
        {
            throw failure!;
        }

        if (files is null)
        {
            return new SettingsReading(context.Namespace, values, kernel: null, []);
        }

        SysctlFileContent content = files.Read();
        context.Note(content.Unread.Length > 0 ? $"some sysctl files cannot be looked into: {string.Join("; ", content.Unread)}"
            : denied is not null ? $"some sysctls may not be read: {denied.Message}"
            : null);
        return new SettingsReading(context.Namespace, values, context.PartOf(KernelVersion), [.. content.Assignments.Where(assignment => SettingCatalogue.Find(assignment.Name) is not null)]);
    }

    public override void Close()
    {
        release.Dispose();
        foreach ((_, ProcFile file) in settings)
        {
            file.Dispose();
        }
    }

    private static string Text(TuningSetting setting, ProcFile file) => setting.Shape == SettingShape.Number
        ? file.ReadNumber().ToString(CultureInfo.InvariantCulture)
        : string.Join(' ', Encoding.UTF8.GetString(file.Read()).Split((char[])[' ', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries));

    // "5.10.0-46-cloud-amd64": the first two numbers are what defaults depend on.
    private Version? KernelVersion()
    {
        try
        {
            string[] parts = Encoding.UTF8.GetString(release.Read()).Split('.', 3);
            return parts.Length >= 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
                && int.TryParse(string.Concat(parts[1].TakeWhile(char.IsAsciiDigit)), NumberStyles.None, CultureInfo.InvariantCulture, out int minor)
                ? new Version(major, minor)
                : null;
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
        {
            return null;
        }
    }
}

/// <summary>The settings at one time.</summary>
internal sealed class SettingsReading : Reading
{
    private readonly IReadOnlyDictionary<string, string> values;

    public SettingsReading(string netns, IReadOnlyDictionary<string, string> values, Version? kernel, ImmutableArray<SysctlAssignment> assignments)
    {
        Netns = netns;
        this.values = values;
        Kernel = kernel;
        Assignments = assignments;
    }

    /// <summary>The network namespace.</summary>
    public string Netns { get; }

    /// <summary>The kernel's version, two numbers of it; null where it was not read.</summary>
    public Version? Kernel { get; }

    /// <summary>What sysctl files say of the settings in <see cref="SettingCatalogue"/>, in the order in which they take effect.</summary>
    public ImmutableArray<SysctlAssignment> Assignments { get; }

    /// <summary>The value in force, as the kernel shows it but with single blanks; null where this kernel or namespace does not have it.</summary>
    public string? Text(string name) => values.GetValueOrDefault(name);

    /// <summary>The value in force of a sysctl that is one number.</summary>
    public ulong? Number(string name) => ulong.TryParse(Text(name), NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) ? value : null;

    /// <summary>The line of a file that decides; null where none does.</summary>
    public SysctlAssignment? AssignmentOf(string name) => Assignments.LastOrDefault(assignment => assignment.Name == name);
}
