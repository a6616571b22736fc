using System.Text;
using ConnExporter.Kernel;

namespace ConnExporter.Configuration;

/// <summary>Variables as systemd reads them from the file that <c>EnvironmentFile=</c> names (systemd.exec(5)).</summary>
internal static class EnvironmentFile
{
    /// <summary>Where the packages put that of the unit.</summary>
    public const string OfUnit = "/etc/default/conn-exporter";

    /// <summary>Reads the file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The variables; null where there is no such file.</returns>
    /// <exception cref="ConfigurationException">It cannot be read.</exception>
    public static Dictionary<string, string>? Read(string path)
    {
        if (FileOwner.WhyNoFile(path) is { } why)
        {
            throw new ConfigurationException($"{path} {why}");
        }

        try
        {
            return Parse(File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new ConfigurationException($"{path}: {e.Message}");
        }
    }

    /// <summary>Understands its content as systemd does (src/basic/env-file.c), and leaves out what it does not pass on to a service (env-util.c).</summary>
    /// <param name="content">The bytes of the file.</param>
    /// <exception cref="FormatException">systemd does not take the file, or which version it is decides what it says; the message says why.</exception>
    internal static Dictionary<string, string> Parse(ReadOnlySpan<byte> content)
    {
        if (content.Contains((byte)0))
        {
            throw new FormatException("it holds a NUL byte, and systemd takes nothing from it then");
        }

        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        var parser = new Parser(variables);
        foreach (byte c in content)
        {
            parser.Take(c);
        }

        parser.End();
        foreach (string name in variables.Keys.Where(name => !IsName(name)).ToList())
        {
            variables.Remove(name);
        }

        return variables;
    }

    private static bool IsName(string text) => text.Length > 0 && !char.IsAsciiDigit(text[0]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');

    // systemd's WHITESPACE and NEWLINE: other blanks are part of a value.
    private static bool IsLineEnd(byte c) => c is (byte)'\n' or (byte)'\r';

    private static bool IsBlank(byte c) => c is (byte)' ' or (byte)'\t' || IsLineEnd(c);

    private enum State
    {
        BeforeKey,
        Key,
        BeforeValue,
        Value,
        ValueEscape,
        SingleQuotes,
        DoubleQuotes,
        DoubleQuotesEscape,
        Comment,
        CommentEscape,
        AfterComment,
    }

    // One byte after the other, with the states of parse_env_file_internal().
    private sealed class Parser(Dictionary<string, string> variables)
    {
        private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        private readonly List<byte> key = [];
        private readonly List<byte> value = [];
        private State state = State.BeforeKey;

        // Bytes of the value up to the last one that is not a blank outside of quotes.
        private int kept;

        public void Take(byte c)
        {
            switch (state)
            {
                case State.BeforeKey or State.AfterComment:
                    BeginLine(c);
                    break;
                case State.Key when IsLineEnd(c):
                    key.Clear();
                    state = State.BeforeKey;
                    break;
                case State.Key when c == '=':
                    state = State.BeforeValue;
                    break;
                case State.Key:
                    key.Add(c);
                    break;
                case State.BeforeValue or State.Value:
                    TakeValue(c);
                    break;
                case State.ValueEscape:
                    // An escaped line end is eaten up.
                    state = State.Value;
                    Keep(IsLineEnd(c) ? [] : [c]);
                    break;
                case State.SingleQuotes when c == '\'':
                case State.DoubleQuotes when c == '"':
                    state = State.BeforeValue;
                    break;
                case State.DoubleQuotes when c == '\\':
                    state = State.DoubleQuotesEscape;
                    break;
                case State.SingleQuotes or State.DoubleQuotes:
                    Keep([c]);
                    break;
                case State.DoubleQuotesEscape:
                    state = State.DoubleQuotes;
                    Keep(c is (byte)'"' or (byte)'\\' or (byte)'`' or (byte)'$' ? [c] : c == '\n' ? [] : [(byte)'\\', c]);
                    break;
                case State.Comment:
                    state = IsLineEnd(c) ? State.BeforeKey : c == '\\' ? State.CommentEscape : State.Comment;
                    break;
                case State.CommentEscape:
                    state = IsLineEnd(c) ? State.AfterComment : State.Comment;
                    break;
            }
        }

        public void End()
        {
            if (state is not (State.BeforeKey or State.Key or State.Comment or State.CommentEscape or State.AfterComment))
            {
                Assign();
            }
        }

        private void BeginLine(byte c)
        {
            if (IsBlank(c))
            {
                state = IsLineEnd(c) ? State.BeforeKey : state;
            }
            else if (c is (byte)'#' or (byte)';')
            {
                state = State.Comment;
            }
            else if (state == State.AfterComment)
            {
                throw new FormatException("a comment ends in a backslash: up to version 253 systemd takes the next line for a part of it, later ones do not; take the backslash out");
            }
            else
            {
                state = State.Key;
                key.Add(c);
            }
        }

        // Quotes stand at the beginning of a value or right behind other quotes; elsewhere they are part of it.
        private void TakeValue(byte c)
        {
            if (IsLineEnd(c))
            {
                Assign();
                state = State.BeforeKey;
            }
            else if (c == '\\')
            {
                state = State.ValueEscape;
                Keep([]);
            }
            else if (state == State.BeforeValue && c is (byte)'\'' or (byte)'"')
            {
                state = c == '"' ? State.DoubleQuotes : State.SingleQuotes;
            }
            else if (!IsBlank(c))
            {
                state = State.Value;
                Keep([c]);
            }
            else if (state == State.Value)
            {
                value.Add(c);
            }
        }

        private void Keep(ReadOnlySpan<byte> bytes)
        {
            value.AddRange(bytes);
            kept = value.Count;
        }

        private void Assign()
        {
            string name;
            string text;
            try
            {
                name = Strict.GetString([.. key]).TrimEnd(' ', '\t');
                text = Strict.GetString([.. value[..kept]]);
            }
            catch (DecoderFallbackException e)
            {
                throw new FormatException("it is not UTF-8, and systemd takes nothing from it then", e);
            }

            variables[name] = text;
            key.Clear();
            value.Clear();
            kept = 0;
        }
    }
}
