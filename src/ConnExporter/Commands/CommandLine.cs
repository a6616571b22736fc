using System.Collections.Immutable;
using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using ConnExporter.Configuration;
using ConnExporter.Hosting;
using ConnExporter.Kernel;
using ConnExporter.State;
using ConnExporter.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Commands;

/// <summary>The command line: one flag for each setting, one verb for each command. Every complaint is one line that names the place.</summary>
internal static class CommandLine
{
    private const string Negation = "--no-";

    // Nothing is read from a file that an argument names with an @: what begins so is text, such as a line of multilog.
    private static readonly ParserConfiguration Text = new() { ResponseFileTokenReplacer = null };
    private static readonly Option<bool> Json = new("--json") { Description = "Print JSON; the schema is in docs/diagnosis-json.md." };
    private static readonly Option<bool> Print = new("--print") { Description = "Print every setting that would be in force as a configuration file has it, with the flag, variable or line that says so." };
    private static readonly Option<bool> Watch = new("--watch") { Description = "On a terminal the same as top; in a pipe, look again every five seconds until interrupted." };
    private static readonly Option<bool> Full = new("--full") { Description = "Print everything: all resources, all evidence, all remedies with what they do and risk." };
    private static readonly Option<string> Lang = new("--lang") { Description = "Language of the texts: en or zh [default: of the locale]." };
    private static readonly Option<string> Save = new("--save") { Description = "Write all of it to this file as well, for a ticket or for diff: .txt, .html or .json.", HelpName = "file" };
    private static readonly Argument<string> Before = new("BEFORE") { Description = "A diagnosis that was saved as .json or .html." };
    private static readonly Argument<string> After = new("AFTER") { Description = "A later one." };
    private static readonly Argument<string> Whom = new("WHOM") { Description = ":PORT, ADDRESS:PORT (IPv6 in brackets), a process id, or the name of a unit." };
    private static readonly Argument<string[]> Asked = new("TEXT") { Description = "As many words as it takes; - reads standard input. Without any: lists the topics.", Arity = ArgumentArity.ZeroOrMore };

    /// <summary>Parses and runs.</summary>
    /// <param name="args">The arguments after the program's name.</param>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    public static int Run(string[] args)
    {
        args = args is [ExplainCommand.Name, ..] ? ExplainCommand.Decode(args) : args;
        var flags = Settings.All.Select(ToFlag).ToImmutableArray();
        RootCommand root = Build(flags);
        ParseResult parsed = root.Parse(ApartFromEmptyValues(args, root), Text);
        try
        {
            // The library answers --help and --version; its own complaints are a page long and end with 1.
            if (parsed.Action is not (null or CommandAction or ParseErrorAction))
            {
                // Nor does it know what to say of an output that cannot be written.
                return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
            }

            Complain(parsed, args, root);
            var sources = new ConfigurationSources([.. flags.SelectMany(flag => flag.Read(parsed))], Environment.GetEnvironmentVariables());
            return ((CommandAction)parsed.Action!).Run(sources, parsed);
        }
        catch (ConfigurationException e)
        {
            Console.Error.WriteLine($"conn-exporter: {e.Message}");
            return parsed.CommandResult.Command is RootCommand or { Name: "serve" or "metrics" or "check-config" } ? ExitCode.Configuration : ExitCode.Usage;
        }
    }

    private static RootCommand Build(ImmutableArray<Flag> flags)
    {
        var root = new RootCommand("Prometheus exporter for what TCP connections run out of: ports, descriptors, queues, tables and memory.")
        {
            Action = new CommandAction(Serve),
        };
        root.Subcommands.Add(new Command("serve", "Sample and serve the metrics page until told to stop (the default).") { Action = new CommandAction(Serve) });
        root.Subcommands.Add(new Command("metrics", "Print one metrics page to standard output.") { Action = new CommandAction(MetricsCommand.Run) });
        root.Subcommands.Add(new Command("check-config", "Check flags, environment and configuration file, and say what would be in force.")
        {
            Options = { Print },
            Action = new CommandAction((sources, parsed) => CheckConfigCommand.Run(sources, print: parsed.GetValue(Print))),
        });
        root.Subcommands.Add(new Command("diagnose", "Look at this host once: what is running out, who holds it, when it will be gone, what to do. Ends with 0 (nothing), 1 (warning), 2 (critical), 3 (could not tell).")
        {
            Options = { Full, Json, Watch, Save, Lang },
            Action = new CommandAction((sources, parsed) => DiagnoseCommand.Run(sources, FormOf(parsed), parsed.GetValue(Watch), parsed.GetValue(Save), ReadLanguage(parsed))),
        });
        root.Subcommands.Add(new Command("top", "Show in the whole window what is running out and who uses it, again and again: destinations, listeners, processes, peers, units, namespaces. Takes a terminal; ? shows its keys.")
        {
            Options = { Lang },
            Action = new CommandAction((sources, parsed) => TopCommand.Run(sources, ReadLanguage(parsed))),
        });
        root.Subcommands.Add(new Command("diff", "Tell what has changed between two saved diagnoses. Ends with 0 (the same findings and settings) or 1 (not the same).")
        {
            Arguments = { Before, After },
            Options = { Lang },
            Action = new CommandAction((_, parsed) => DiffCommand.Run(parsed.GetValue(Before)!, parsed.GetValue(After)!, ReadLanguage(parsed))),
        });
        root.Subcommands.Add(new Command(WhoCommand.Name, "Tell who holds the sockets of a port, a peer, a process or a unit: holders, queue and limit, states, top peers, ages. Ends with 0 (somebody), 1 (nobody), 3 (could not tell).")
        {
            Arguments = { Whom },
            Options = { Lang },
            Action = new CommandAction((sources, parsed) => WhoCommand.Run(sources, parsed.GetValue(Whom)!, ReadLanguage(parsed))),
        });
        root.Subcommands.Add(Incidents());
        root.Subcommands.Add(new Command(ExplainCommand.Name, "Explain a finding, an error message, a line of the kernel's log, a setting or an old habit: symptom, proof, cause, remedies.")
        {
            Arguments = { Asked },
            Options = { Lang },
            Action = new CommandAction((_, parsed) => ExplainCommand.Run(parsed.GetValue(Asked) ?? [], ReadLanguage(parsed))),
        });
        foreach (Option option in flags.SelectMany(flag => flag.Options))
        {
            option.Recursive = true;
            root.Options.Add(option);
        }

        foreach (VersionOption option in root.Options.OfType<VersionOption>())
        {
            option.Action = new VersionAction();
        }

        // Left alone it asks the framework for the width, which switches a terminal to another mode.
        foreach (HelpAction help in root.Options.OfType<HelpOption>().Select(option => option.Action).OfType<HelpAction>().Where(_ => !Console.IsOutputRedirected))
        {
            help.MaxWidth = TerminalStyle.Plain.Width;
        }

        return root;
    }

    // The library takes '--flag=' (and '--flag:', which is the same to it) for a flag without a value, and the next argument for the value.
    private static string[] ApartFromEmptyValues(string[] args, RootCommand root)
    {
        HashSet<string> known = [.. root.Options.Concat(root.Subcommands.SelectMany(command => command.Options.Concat(command.Subcommands.SelectMany(nested => nested.Options)))).Select(option => option.Name)];
        int end = Array.IndexOf(args, "--");
        return [.. args.SelectMany((arg, i) => (end < 0 || i < end) && arg is [.., '=' or ':'] && known.Contains(arg[..^1]) ? [arg[..^1], ""] : new[] { arg })];
    }

    private static int Serve(ConfigurationSources sources)
    {
        OpenFileLimit.RefuseTooLow(DescriptorReserve.Limit);
        NativeHeap.KeepSmall();
        return ServeCommand.Run(sources);
    }

    private static Command Incidents()
    {
        var id = new Argument<string>("id") { Description = "The incident, the beginning of its id, or 'last'.", DefaultValueFactory = _ => IncidentsCommand.Last };
        var number = new Option<int?>("--record") { Description = "Show this record of it rather than the worst." };
        return new Command("incidents", "List and show the incidents that the flight recorder kept.")
        {
            Options = { Json, Lang },
            Subcommands =
            {
                new Command("list", "One line an incident, the newest last (the default).")
                {
                    Options = { Json, Lang },
                    Action = new CommandAction((sources, parsed) => IncidentsCommand.List(sources, parsed.GetValue(Json), ReadLanguage(parsed))),
                },
                new Command("show", "One incident in full.")
                {
                    Arguments = { id },
                    Options = { number, Json, Lang },
                    Action = new CommandAction((sources, parsed) => IncidentsCommand.Show(sources, parsed.GetValue(id)!, parsed.GetValue(number), parsed.GetValue(Json), ReadLanguage(parsed))),
                },
            },
            Action = new CommandAction((sources, parsed) => IncidentsCommand.List(sources, parsed.GetValue(Json), ReadLanguage(parsed))),
        };
    }

    private static Flag ToFlag(Setting setting)
    {
        string help = setting.Help + (setting.Default is null ? "" : $" [default: {setting.Default}]");
        string name = "--" + setting.Key;
        if (setting.Kind != SettingKind.Switch)
        {
            return new Flag(setting, new Option<string[]>(name) { Description = help, HelpName = setting.Kind.ToString().ToLowerInvariant(), Arity = ArgumentArity.OneOrMore });
        }

        return setting.Key == Settings.DisableDefaults
            ? new Flag(setting, new Option<bool>(name) { Description = help })
            : new Flag(setting, new Option<bool>(name) { Description = help }, new Option<bool>(Negation + setting.Key) { Description = "Switch it off." });
    }

    private static void Complain(ParseResult parsed, string[] args, RootCommand root)
    {
        foreach (string token in parsed.UnmatchedTokens)
        {
            // The value of a switch that is neither true nor false is taken for an argument of its own.
            if (args.FirstOrDefault(arg => arg.StartsWith("--", StringComparison.Ordinal) && (arg.EndsWith("=" + token, StringComparison.Ordinal) || (token.Length == 0 && arg.EndsWith(':')))) is { } given)
            {
                throw new ConfigurationException($"{given[..^(token.Length + 1)]}: '{token}': expected true or false");
            }

            string flag = token.Split('=')[0];
            throw token.StartsWith('-')
                ? new ConfigurationException($"{flag}: no such flag{Suggestion.For(flag, root.Options.Select(option => option.Name))}")
                : new ConfigurationException($"{token}: no such command{Suggestion.For(token, root.Subcommands.Select(command => command.Name))}");
        }

        foreach (ParseError error in parsed.Errors)
        {
            throw error.SymbolResult is OptionResult { Option: Option<bool> } result
                ? new ConfigurationException($"{result.Option.Name}: '{string.Join(' ', result.Tokens)}': expected true or false")
                : new ConfigurationException(error.Message);
        }
    }

    /// <summary>The options that one setting has on the command line.</summary>
    private sealed record Flag(Setting Setting, Option Option, Option? Negative = null)
    {
        public IEnumerable<Option> Options => Negative is null ? [Option] : [Option, Negative];

        public Given[] Read(ParseResult parsed)
        {
            Given[] values = [.. Read(parsed, Option), .. Negative is null ? [] : Read(parsed, Negative).Select(given => given with { Text = given.Text == "true" ? "false" : "true" })];
            return values.Length <= 1 || Setting.Repeatable
                ? values
                : throw new ConfigurationException($"{values[^1].Place}: given more than once");
        }

        private Given[] Read(ParseResult parsed, Option option)
        {
            if (parsed.GetResult(option) is not { Implicit: false } result)
            {
                return [];
            }

            return result.Tokens.Count == 0 ? [new Given(Setting, "true", option.Name)] : [.. result.Tokens.Select(token => new Given(Setting, token.Value, option.Name))];
        }
    }

    private static DiagnosisForm FormOf(ParseResult parsed) => parsed.GetValue(Json) ? DiagnosisForm.Json : parsed.GetValue(Full) ? DiagnosisForm.Full : DiagnosisForm.Short;

    private static Language? ReadLanguage(ParseResult parsed) => parsed.GetValue(Lang) switch
    {
        null => null,
        "en" => Language.English,
        "zh" => Language.Chinese,
        { } other => throw new ConfigurationException($"--lang: '{other}': expected en or zh"),
    };

    private sealed class CommandAction(Func<ConfigurationSources, ParseResult, int> run) : SynchronousCommandLineAction
    {
        public CommandAction(Func<ConfigurationSources, int> run)
            : this((sources, _) => run(sources))
        {
        }

        public Func<ConfigurationSources, ParseResult, int> Run { get; } = run;

        public override int Invoke(ParseResult parseResult) => throw new InvalidOperationException("commands are run with their settings");
    }

    private sealed class VersionAction : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            Console.WriteLine($"conn-exporter, version {BuildVersion.Version} (revision: {(BuildVersion.Revision.Length == 0 ? "unknown" : BuildVersion.Revision)}, runtime: {BuildVersion.Runtime})");
            return ExitCode.Ok;
        }
    }
}
