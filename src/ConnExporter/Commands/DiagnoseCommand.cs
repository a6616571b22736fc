using System.Buffers;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Hosting;
using ConnExporter.Json;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Census;
using ConnExporter.State;
using ConnExporter.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Commands;

/// <summary><c>diagnose</c>: looks at this host once and says what is running out, who holds it and what to do. Needs no daemon, and asks one for its history where it runs.</summary>
internal static class DiagnoseCommand
{
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(5);
    private static readonly string[] FromConntrack = ["conntrack_exhausting", "conntrack_dropping", "nat_ports_exhausting", "conntrack_insertions_failing"];
    private static readonly JsonWriterOptions JsonOptions = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Runs it.</summary>
    /// <param name="sources">The settings.</param>
    /// <param name="form">How it is shown.</param>
    /// <param name="watch">Whether to go on until interrupted.</param>
    /// <param name="save">A file to write it to as well; null for none.</param>
    /// <param name="language">The language; null for the locale's.</param>
    /// <returns>0 nothing, 1 a warning, 2 critical, 3 could not tell.</returns>
    public static int Run(ConfigurationSources sources, DiagnosisForm form, bool watch, string? save, Language? language)
    {
        if (save is not null)
        {
            DiagnosisFile.CheckName(save);
        }

        if (watch && form != DiagnosisForm.Json && save is null && TopCommand.HasTerminal)
        {
            return TopCommand.Run(sources, language);
        }

        ExporterOptions options = sources.Load();
        bool asJson = form == DiagnosisForm.Json;
        var book = TextBook.Of(asJson ? language ?? Languages.OfEnvironment(Environment.GetEnvironmentVariable) : LocaleOutput.Begin(language));
        var style = TerminalStyle.OfOutput(Environment.GetEnvironmentVariable);
        while (true)
        {
            ReadOnlyMemory<byte> json = Look(options, book);
            using var document = JsonDocument.Parse(json);
            if (asJson)
            {
                PlainOutput.WriteJson(json.Span);
            }
            else
            {
                Console.Out.Write(form == DiagnosisForm.Full ? DiagnosisText.Render(document.RootElement, book, style) : DiagnosisSummary.Render(document.RootElement, book, style));
                Console.Out.Flush();
            }

            // What was asked for first is there even where the file cannot be written.
            if (save is not null)
            {
                DiagnosisFile.Write(save, json, book);
            }

            if (!watch)
            {
                return ExitCodeOf(document.RootElement);
            }

            Thread.Sleep(WatchInterval);
        }
    }

    private static ReadOnlyMemory<byte> Look(ExporterOptions options, TextBook book)
    {
        TimeProvider time = TimeProvider.System;
        var defects = new List<NotSeen>();
        using var sampling = new OneShotSampling(SecondLook.ReadSoonAgain(options), time, Serilog.Core.Logger.None);
        var running = RunningExporter.Ask(options, book.Language.Tag(), time.GetUtcNow());
        Thresholds atOnce = options.Thresholds with { For = TimeSpan.Zero, Linger = TimeSpan.Zero };
        var diagnostician = new Diagnostician(RuleList.All, atOnce, time, (rule, e) => defects.Add(new NotSeen(rule, $"a defect in this program, please report it: {e.Message}")));
        running.Prime(diagnostician);

        // What the counters rise by is seen from the second look on.
        Snapshot first = sampling.WaitFor(SecondLook.CanFollow);
        diagnostician.Look(first);
        defects.Clear();
        Snapshot second = sampling.WaitOn(now => SecondLook.IsDue(first, now, time));
        var state = new ExporterState(second) { Report = SecondLook.NoteReadOnce(first, second, diagnostician.Look(second), time) };
        var notSeen = new List<NotSeen>([.. NotSeen.Of(state, book), .. defects, .. MissingHistory(running, options, book)]);
        return Document(state, book, notSeen, ReadConntrack(options, state.Report, notSeen), running);
    }

    // A table of the host's size takes most of a second: only where it is what runs out.
    private static ConntrackTop? ReadConntrack(ExporterOptions options, DiagnosisReport report, List<NotSeen> notSeen)
    {
        if (!report.Findings.Any(finding => finding.Netns == KernelSource.OwnNamespace && FromConntrack.Contains(finding.Id)))
        {
            return null;
        }

        try
        {
            return ConntrackTop.Read(KernelSource.Host(options.ProcPath, options.SysPath));
        }
        catch (KernelReadException e)
        {
            notSeen.Add(new NotSeen("conntrack", e.Message));
            return null;
        }
    }

    private static IEnumerable<NotSeen> MissingHistory(RunningExporter running, ExporterOptions options, TextBook book)
    {
        if (running.Doubt is { } doubt)
        {
            yield return new NotSeen("history", book["cli.socket_doubted", ("path", doubt.Path), ("reason", doubt.Reason)]);
        }

        if (running.IsTrusted)
        {
            yield break;
        }

        if (running.Refusal is { } reason)
        {
            yield return new NotSeen("history", book["cli.daemon_denied", ("address", running.Address), ("reason", reason)]);
            yield break;
        }

        string slow = string.Join(", ", RuleList.All.Where(rule => rule.NeedsHistory).Select(rule => rule.Id));
        if (slow.Length > 0)
        {
            yield return new NotSeen(slow, running.HasTold
                ? book["cli.daemon_unknown", ("address", running.Address), ("path", LocalSocket.PathToAsk(options.Web))]
                : book["cli.needs_history", ("address", running.Address)]);
        }
    }

    // The running exporter knows since when, and what takes longer than a look.
    private static ReadOnlyMemory<byte> Document(ExporterState state, TextBook book, IEnumerable<NotSeen> notSeen, ConntrackTop? conntrack, RunningExporter running)
    {
        DiagnosisReport report = state.Report!;
        ImmutableArray<Finding> findings =
        [
            .. report.Findings.Select(running.Date),
        ];
        ImmutableArray<JsonElement> slow =
        [
            .. running.Findings
                .Where(found => RuleList.All.Any(rule => rule.NeedsHistory && rule.Id == found.Id) && !findings.Any(finding => finding.Id == found.Id && finding.Netns == found.Netns))
                .Select(found => found.Json).OfType<JsonElement>(),
        ];
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, JsonOptions))
        {
            ReportJson.Write(json, state with { Report = report with { Findings = findings } }, HostName.Current, book, notSeen, conntrack, slow);
        }

        return buffer.WrittenMemory;
    }

    private static int ExitCodeOf(JsonElement document) => document.GetProperty("verdict").GetString() switch
    {
        "critical" => ExitCode.Critical,
        "warning" => ExitCode.Warning,
        _ when document.GetProperty("complete").GetBoolean() => ExitCode.Ok,
        _ => ExitCode.CouldNotTell,
    };
}
