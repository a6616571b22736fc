using ConnExporter.Configuration;
using ConnExporter.Hosting;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Namespaces;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Who;
using ConnExporter.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Commands;

/// <summary><c>who</c>: tells who holds the sockets of a port, an address and port, a process or a unit. Needs no daemon.</summary>
internal static class WhoCommand
{
    /// <summary>The verb.</summary>
    public const string Name = "who";

    /// <summary>Runs it.</summary>
    /// <param name="sources">The settings.</param>
    /// <param name="asked">Whom to ask for.</param>
    /// <param name="language">The language; null for the locale's.</param>
    /// <returns>0 where there is somebody, 1 where there is nobody, 3 where that could not be told.</returns>
    public static int Run(ConfigurationSources sources, string asked, Language? language)
    {
        if (SocketQuestion.Parse(asked) is not { } question)
        {
            throw new ConfigurationException($"{asked}: expected :PORT, ADDRESS:PORT (IPv6 in brackets), a process id, or the name of a unit");
        }

        ExporterOptions options = sources.Load();
        var book = TextBook.Of(LocaleOutput.Begin(language));
        var sheet = new Sheet(TerminalStyle.OfOutput(Environment.GetEnvironmentVariable));
        try
        {
            int code = Tell(options, question, Visible.Of(asked), book, sheet);
            Console.Out.Write(sheet.ToString());
            return code;
        }
        catch (KernelReadException e)
        {
            Console.Error.WriteLine($"conn-exporter: {Visible.Of(e.Message)}");
            return ExitCode.CouldNotTell;
        }
    }

    private static int Tell(ExporterOptions options, SocketQuestion question, string asked, TextBook book, Sheet sheet)
    {
        var kernel = KernelSource.Host(options.ProcPath, options.SysPath, options.RootPath);
        using var processes = new HolderSearch(kernel);
        List<int>? pids = question.Port is null ? processes.ProcessesOf(question) : null;
        if (pids is { Count: 0 })
        {
            // One that is hidden may be there all the same.
            bool isHidden = processes.HidesProcesses() != false;
            sheet.Paragraph("", isHidden ? book["who.none_seen", ("asked", asked), ("why", book["missing.hidden_processes"])] : book[question.Unit is null ? "who.no_process" : "who.no_unit", ("asked", asked)]);
            return isHidden ? ExitCode.CouldNotTell : ExitCode.Nobody;
        }

        HashSet<uint>? held = pids is null ? null : processes.SocketsOf(pids);
        int hidden = processes.Denied;
        var search = new SocketSearch(kernel, question, held);
        (List<SocketAnswer> answers, int refused) = Ask(kernel, options.Namespaces, search);
        processes.Find(search.Wanted);
        answers.RemoveAll(answer => answer.IsEmpty);
        foreach (SocketAnswer answer in answers)
        {
            new WhoText(book, sheet, TimeProvider.System.GetUtcNow()).Write(answer);
        }

        // Of a process that may not be read nothing is known.
        if (answers.Count == 0 && hidden == 0)
        {
            sheet.Paragraph("", pids is null ? book[refused > 0 ? "who.nobody_seen" : "who.nobody", ("asked", asked)] : book["who.no_sockets", ("asked", asked), ("count", pids.Count)]);
        }

        bool isUntold = refused > 0 || hidden > 0;
        if (refused > 0)
        {
            sheet.Paragraph("", book["who.namespaces_refused", ("count", refused)], sheet.Style.Faint);
        }

        // Only where somebody is missing.
        if (hidden > 0 || (processes.Denied > 0 && answers.Exists(answer => answer.HasUnknownHolders)))
        {
            sheet.Paragraph("", book["who.processes_denied", ("count", Math.Max(hidden, processes.Denied))], sheet.Style.Faint);
        }

        if (search.LeftOut > 0)
        {
            sheet.Paragraph("", book["who.left_out", ("count", search.LeftOut)], sheet.Style.Faint);
        }

        return answers.Count > 0 ? ExitCode.Ok : isUntold ? ExitCode.CouldNotTell : ExitCode.Nobody;
    }

    // Our own network namespace, then those of others, as far as they may be entered.
    private static (List<SocketAnswer> Answers, int Refused) Ask(KernelSource kernel, NamespaceScope scope, SocketSearch search)
    {
        List<SocketAnswer> answers = [search.Ask(KernelSource.OwnNamespace)];
        int refused = 0;
        if (scope == NamespaceScope.Host)
        {
            return (answers, refused);
        }

        using var table = new NamespaceTable(kernel.Proc, kernel.Pods);
        using var thread = new NamespaceThread(kernel.Proc.PathOf("self/ns/net"));
        foreach (NamespaceEntry entry in table.Find())
        {
            try
            {
                if (entry.Path is null)
                {
                    refused++;
                    continue;
                }

                thread.Run(entry.Path, entry.Id, () => answers.Add(search.Ask(entry.Name)));
            }
            catch (KernelReadException e) when (e.Kind is FailureKind.Denied or FailureKind.Absent)
            {
                // Gone meanwhile is nobody.
                refused += e.Kind == FailureKind.Denied ? 1 : 0;
            }
        }

        return (answers, refused);
    }
}
