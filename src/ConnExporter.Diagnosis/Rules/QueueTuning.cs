using System.Collections.Immutable;
using ConnExporter.Kernel;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>A full accept queue resets connections that a retransmission would have saved.</summary>
internal sealed class AbortOnOverflow() : TuningRule("tuning_abort_on_overflow", Severity.Info)
{
    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        settings.Number(SettingCatalogue.AbortOnOverflow) > 0
            ? Tell(Severity.Info, settings, [SettingCatalogue.AbortOnOverflow]) with
            {
                Remedies = [.. HostCommand.Change(new Remedy("tuning_no_abort", RemedyKind.Platform), HostCommand.Set(seen, SettingCatalogue.AbortOnOverflow, 0))],
            }
            : null;
}

/// <summary>A listener that has been short of room has exactly somaxconn for its limit: what it asked for was probably cut off. Those with room to spare are not worth a word.</summary>
internal sealed class BacklogCutOff() : TuningRule("tuning_backlog_cut_off", Severity.Info)
{
    public override ImmutableArray<Input> Inputs => [Input.Settings, Input.ListenerLimits];

    protected override Verdict? Judge(Observation seen, SettingsReading settings)
    {
        if (settings.Number(SettingCatalogue.SoMaxConn) is not { } most || seen.Listeners is not { } listeners)
        {
            return null;
        }

        ListenersReading.Row? row = listeners.Rows.Where(row => row.Limit == most && (row.Drops > 0 || row.Peak * 2 >= row.Limit))
            .OrderByDescending(row => row.Drops ?? 0).ThenByDescending(row => row.Peak).FirstOrDefault();
        if (row is null)
        {
            return null;
        }

        string name = InetAddress.WithPort(row.Address, row.Port);
        return Tell(Severity.Info, settings, [SettingCatalogue.SoMaxConn], new Fact("tuning_listener_at_somaxconn", ("instance", name), ("limit", most), ("peak", row.Peak))) with
        {
            Instance = name,
            Holders = HolderOf(seen, row) is { } holder ? [holder] : [],
            Remedies =
            [
                new Remedy("tuning_larger_backlog", RemedyKind.Application),
                .. HostCommand.Change(new Remedy("tuning_raise_somaxconn", RemedyKind.Room), HostCommand.Raise(seen, SettingCatalogue.SoMaxConn, ListenerRemedies.LargerBacklog(most))),
            ],
        };
    }
}

/// <summary>The default from before Linux 5.4: no accept queue of the host can be longer, whatever a service asks for.</summary>
internal sealed class SomaxconnLow() : TuningRule("tuning_somaxconn_low", Severity.Info)
{
    private const ulong Old = 128;
    private const int Today = 4096;

    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        settings.Number(SettingCatalogue.SoMaxConn) <= Old
            ? Tell(Severity.Info, settings, [SettingCatalogue.SoMaxConn]) with
            {
                Remedies = [.. HostCommand.Change(new Remedy("tuning_raise_somaxconn", RemedyKind.Room), HostCommand.Raise(seen, SettingCatalogue.SoMaxConn, Today))],
            }
            : null;
}

/// <summary>With syncookies on, the SYN queue ends at the backlog of its listener; this number counts without them only (net/ipv4/tcp_input.c:tcp_conn_request).</summary>
internal sealed class SynBacklogRaised() : TuningRule("tuning_syn_backlog_raised", Severity.Info)
{
    // The kernel works it out from the memory of the host, and never higher (net/ipv4/tcp.c:tcp_init).
    private const ulong HighestDefault = 4096;

    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        settings.Number(SettingCatalogue.SynBacklog) > HighestDefault && settings.Number(SettingCatalogue.SynCookies) > 0
            ? Tell(Severity.Info, settings, [SettingCatalogue.SynBacklog, SettingCatalogue.SynCookies, SettingCatalogue.SoMaxConn]) with
            {
                Remedies = [new Remedy("tuning_larger_backlog", RemedyKind.Application)],
            }
            : null;
}

/// <summary>A full SYN queue drops every further handshake: a SYN flood of a few hundred packets a second closes the service.</summary>
internal sealed class SyncookiesOff() : TuningRule("tuning_syncookies_off", Severity.Warning)
{
    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        settings.Number(SettingCatalogue.SynCookies) == 0
            ? Tell(Severity.Warning, settings, [SettingCatalogue.SynCookies, SettingCatalogue.SynBacklog]) with
            {
                Remedies = [.. HostCommand.Change(new Remedy("tuning_syncookies_on", RemedyKind.Platform), HostCommand.Raise(seen, SettingCatalogue.SynCookies, 1))],
            }
            : null;
}
