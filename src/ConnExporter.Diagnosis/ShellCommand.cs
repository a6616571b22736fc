using System.Buffers;
using System.Collections.Immutable;
using ConnExporter.Sampling;

namespace ConnExporter.Diagnosis;

/// <summary>
/// A command that people copy into a shell, as data: a program with its arguments, or several in a pipeline. Names in it come from others, who may
/// call a cgroup, a file or a network namespace anything; whatever an argument holds, a POSIX shell makes one word of it.
/// </summary>
/// <remarks>There is no way to make one of a line of text, and this is the only place that knows how a shell reads.</remarks>
internal sealed class ShellCommand
{
    private const char Quote = '\'';

    // What no shell reads as anything but itself, wherever it stands in an argument.
    private static readonly SearchValues<char> Plain = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%+,-./:=@_");

    private readonly ImmutableArray<ImmutableArray<string>> programs;
    private readonly string? file;
    private readonly bool isKept;

    private ShellCommand(ImmutableArray<ImmutableArray<string>> programs, string? file = null, bool isKept = false)
    {
        this.programs = programs;
        this.file = file;
        this.isKept = isKept;
    }

    /// <summary>
    /// Whether every word of it can be copied from a terminal or a page as it is. With a line end, a control character or one that does not show, or
    /// with what was no UTF-8 (U+FFFD, see <see cref="Kernel.Utf8Text"/>), it cannot: it would be another name.
    /// </summary>
    public bool IsExact => programs.All(words => words.All(Visible.IsExact)) && (file is null || Visible.IsExact(file));

    /// <summary>A program with its arguments.</summary>
    /// <param name="program">A plain word.</param>
    /// <param name="arguments">Any text: each is one argument.</param>
    public static ShellCommand Of(string program, params ImmutableArray<string> arguments) => new([Words(program, arguments)]);

    /// <summary>The same, and names after the options: a <c>--</c> goes before them where one begins with a dash. For programs that know it.</summary>
    public ShellCommand On(params ImmutableArray<string> operands) =>
        new([.. programs[..^1], [.. programs[^1], .. operands.Any(operand => operand.StartsWith('-')) ? (string[])["--"] : [], .. operands]], file, isKept);

    /// <summary>Its output is the input of another program.</summary>
    public ShellCommand Into(string program, params ImmutableArray<string> arguments) => new([.. programs, Words(program, arguments)], file, isKept);

    /// <summary>Its output goes into a file, which is replaced.</summary>
    /// <param name="path">Any path from the root.</param>
    public ShellCommand To(string path) => new(programs, path);

    /// <summary>
    /// Its output is evidence and goes to the end of a file in the home of whoever runs it: what an earlier run saw stays. Not in the directory where it is run, which may be
    /// somebody else's, who can have a link of that name there.
    /// </summary>
    /// <param name="name">The name of the file, a plain word.</param>
    public ShellCommand KeptIn(string name) => IsPlain(name) ? new(programs, name, isKept: true) : throw new ArgumentException($"{name}: no plain name of a file", nameof(name));

    /// <summary>Each of its programs is run by another one, such as <c>nsenter</c>.</summary>
    public ShellCommand RunBy(string program, params ImmutableArray<string> arguments) => new([.. programs.Select(words => Words(program, arguments).AddRange(words))], file, isKept);

    /// <summary>The line to type: plain words as they are, all else in single quotes, of <c>name=value</c> the value alone.</summary>
    public override string ToString()
    {
        string line = string.Join(" | ", programs.Select(words => string.Join(' ', words.Select(Word))));
        return file is null ? line : isKept ? $"{line} >>~/{file}" : $"{line} >{Word(file)}";
    }

    private static ImmutableArray<string> Words(string program, ImmutableArray<string> arguments) => IsPlain(program) && !program.Contains('=', StringComparison.Ordinal)
        ? [program, .. arguments]
        : throw new ArgumentException($"{program}: no plain name of a program", nameof(program));

    private static string Word(string text)
    {
        if (IsPlain(text))
        {
            return text;
        }

        int equals = text.IndexOf('=', StringComparison.Ordinal);
        string begin = equals > 0 && IsPlain(text[..equals]) ? text[..(equals + 1)] : "";
        return $"{begin}{Quote}{text[begin.Length..].Replace("'", @"'\''", StringComparison.Ordinal)}{Quote}";
    }

    // zsh looks for a command where a word begins with an equals sign.
    private static bool IsPlain(string text) => text.Length > 0 && !text.AsSpan().ContainsAnyExcept(Plain) && (text[0] != '=' || text.Length == 1);
}
