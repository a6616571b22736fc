using System.Collections.Immutable;

namespace ConnExporter.Explain;

/// <summary>What a line of a log says of a call that failed.</summary>
/// <param name="Call">The call; None where the line does not tell.</param>
/// <param name="Errno">The error; None where there is none that decides anything here.</param>
/// <param name="Place">What the call was about.</param>
internal readonly record struct FailureLine(Call Call, Errno Errno, Place Place)
{
    // The longest number of an error has five digits.
    private const int MostDigits = 5;
    private const int MostBetween = 4;
    private static readonly string[] FailureWords = ["fail", "failed", "failure", "error", "can't", "cannot", "could not", "couldn't", "unable", "失败", "错误", "无法", "不能"];
    private static readonly string[] NumberWords = ["errno", "errno:", "errno=", "errno:=", "os error", "sockerr", "wsa error", "wsa"];
    private static readonly string[] WeakNumberWords = ["error", "error:", "error code", "error code:", "err", "err:", "code", "code:", "错误", "错误码"];
    private static readonly ImmutableArray<string> Ends = [", client: "];

    /// <summary>Reads a line.</summary>
    /// <param name="normal">Normalised, see <see cref="Phrase"/>.</param>
    public static FailureLine Read(ReadOnlySpan<char> normal)
    {
        ReadOnlySpan<char> told = WithoutClient(normal);
        (Errno errno, int start, int length) = FindErrno(told);
        return errno == Errno.None ? default : new FailureLine(FindCall(told, start, EndOf(errno, told, start + length)), errno, PlaceOf(told));
    }

    /// <summary>The call that a text without an error names.</summary>
    /// <param name="normal">Normalised.</param>
    public static Call CallIn(ReadOnlySpan<char> normal) => FindCall(normal, normal.Length, normal.Length);

    // Who asked is no place of what failed. nginx says so at the end, Apache at the beginning.
    private static ReadOnlySpan<char> WithoutClient(ReadOnlySpan<char> normal)
    {
        foreach (string end in Ends)
        {
            int at = normal.IndexOf(end);
            normal = at >= 0 ? normal[..at] : normal;
        }

        int client = normal.IndexOf("[client ");
        int close = client < 0 ? -1 : normal[client..].IndexOf("] ");
        return close < 0 ? normal : normal[(client + close + 1)..];
    }

    private static (Errno Errno, int Start, int Length) FindErrno(ReadOnlySpan<char> normal)
    {
        (Errno, int, int) text = First(ErrnoTexts.All, normal);
        if (text.Item1 != Errno.None)
        {
            return text;
        }

        (Errno, int, int) number = FindNumber(normal);
        return number.Item1 != Errno.None ? number : First(ErrnoTexts.Classes, normal);
    }

    // The first place, and there the longest text.
    private static (Errno Errno, int Start, int Length) First(ImmutableArray<(Errno Errno, string Text)> texts, ReadOnlySpan<char> normal)
    {
        (Errno Errno, int Start, int Length) first = (Errno.None, int.MaxValue, 0);
        foreach ((Errno errno, string text) in texts)
        {
            int found = Phrase.Find(normal, text);
            if (found >= 0 && (found < first.Start || (found == first.Start && text.Length > first.Length)))
            {
                first = (errno, found, text.Length);
            }
        }

        return first;
    }

    // Node says the error twice, "EMFILE: too many open files": neither is a call.
    private static int EndOf(Errno errno, ReadOnlySpan<char> normal, int end)
    {
        foreach ((_, string text) in ErrnoTexts.All.Where(other => other.Errno == errno))
        {
            int again = end + MostBetween + text.Length <= normal.Length ? normal.Slice(end, MostBetween + text.Length).IndexOf(text) : normal[end..].IndexOf(text);
            end += again < 0 ? 0 : again + text.Length;
        }

        return end;
    }

    private static (Errno Errno, int Start, int Length) FindNumber(ReadOnlySpan<char> normal)
    {
        (Errno, int, int) weak = (Errno.None, 0, 0);
        bool failed = Phrase.Has(normal, FailureWords);
        bool unix = IsUnixSocket(normal);
        for (int i = 0; i < normal.Length; i++)
        {
            if (!char.IsAsciiDigit(normal[i]))
            {
                continue;
            }

            int start = i;
            for (; i < normal.Length && char.IsAsciiDigit(normal[i]); i++)
            {
            }

            bool apart = (start == 0 || !char.IsAsciiLetter(normal[start - 1])) && (i == normal.Length || !char.IsAsciiLetter(normal[i]));
            if (!apart || i - start > MostDigits || ErrnoTexts.OfNumber(int.Parse(normal[start..i], System.Globalization.CultureInfo.InvariantCulture)) is var errno && errno == Errno.None)
            {
                continue;
            }

            ReadOnlySpan<char> before = normal[..start].TrimEnd(" '\"([");
            if (EndsWithOneOf(before, NumberWords) || (start > 0 && normal[start - 1] == '(' && i < normal.Length && normal[i] == ':'))
            {
                return (errno, start, i - start);
            }

            bool inBrackets = start > 0 && normal[start - 1] == '(' && i < normal.Length && normal[i] == ')';
            bool deciding = errno is not (Errno.NoChild or Errno.NoSpace or Errno.BrokenPipe or Errno.TooManyFilesInSystem or Errno.FamilyNotSupported)
                && (errno != Errno.Again || unix);
            if (weak.Item1 == Errno.None && deciding && (EndsWithOneOf(before, WeakNumberWords) || (inBrackets && failed)))
            {
                weak = (errno, start, i - start);
            }
        }

        return weak;
    }

    private static bool EndsWithOneOf(ReadOnlySpan<char> text, ReadOnlySpan<string> words)
    {
        foreach (string word in words)
        {
            if (text.EndsWith(word) && (text.Length == word.Length || !char.IsAsciiLetter(text[text.Length - word.Length - 1])))
            {
                return true;
            }
        }

        return false;
    }

    // The call before the error and nearest to it (Go: "dial tcp …: bind: …"), or the first behind it (Node: "EMFILE: …, watch '…'").
    private static Call FindCall(ReadOnlySpan<char> normal, int start, int end)
    {
        ReadOnlySpan<char> before = normal[..start];
        ReadOnlySpan<char> behind = normal[end..];
        Call call = Last(CallTexts.All, before);
        call = call != Call.None ? call : FirstCall(CallTexts.All, behind);
        return call != Call.None ? call : FirstCall(CallTexts.Classes, normal);
    }

    private static Call Last(ImmutableArray<(Call Call, string Text)> texts, ReadOnlySpan<char> normal)
    {
        (Call Call, int End) last = (Call.None, 0);
        foreach ((Call call, string text) in texts)
        {
            for (int found = Phrase.Find(normal, text, Math.Max(0, last.End - text.Length)); found >= 0; found = Phrase.Find(normal, text, found + 1))
            {
                if (found + text.Length > last.End)
                {
                    last = (call, found + text.Length);
                }
            }
        }

        return last.Call;
    }

    private static Call FirstCall(ImmutableArray<(Call Call, string Text)> texts, ReadOnlySpan<char> normal)
    {
        (Call Call, int Start) first = (Call.None, int.MaxValue);
        foreach ((Call call, string text) in texts)
        {
            int found = Phrase.Find(normal, text);
            if (found >= 0 && found < first.Start)
            {
                first = (call, found);
            }
        }

        return first.Call;
    }

    private static Place PlaceOf(ReadOnlySpan<char> normal) =>
        (IsUnixSocket(normal) ? Place.Unix : Place.None)
        | (IsLoopback6(normal) ? Place.Loopback6 : Place.None)
        | (Phrase.Has(normal, "[::", "::", "inet6", "af inet6", "ipv6", "0:0:0:0:0:0:0:1") ? Place.Address6 : Place.None)
        | (IsPortZero(normal) ? Place.PortZero : Place.None)
        | (Phrase.Has(normal, "reserved port", "privileged port", "bindresvport") ? Place.ReservedPort : Place.None)
        | (Phrase.Has(normal, "while connecting to", "dial tcp", "dial udp", "before connect") ? Place.BeforeConnect : Place.None)
        | (normal.Contains(":53: ", StringComparison.Ordinal) || normal.Contains(":53->", StringComparison.Ordinal) || IsGoLookup(normal) ? Place.NameServer : Place.None)
        | (Phrase.Has(normal, "conntrack") ? Place.Conntrack : Place.None);

    private static bool IsUnixSocket(ReadOnlySpan<char> normal) =>
        normal.Contains("unix:", StringComparison.Ordinal) || Phrase.Has(normal, "dial unix", ".sock", "unix socket", "unix domain socket", "af unix", "through socket", "local mysql server");

    private static bool IsGoLookup(ReadOnlySpan<char> normal) => Phrase.Has(normal, "tcp: lookup", "udp: lookup") || (Phrase.Has(normal, "lookup") && Phrase.Has(normal, ":53"));

    // Not the end of a longer address, and not the beginning of one.
    private static bool IsLoopback6(ReadOnlySpan<char> normal)
    {
        const string Loopback = "::1";
        if (Phrase.Has(normal, "0:0:0:0:0:0:0:1", "ip6 localhost", "localhost6"))
        {
            return true;
        }

        for (int found = normal.IndexOf(Loopback); found >= 0;)
        {
            int end = found + Loopback.Length;
            if ((found == 0 || (!char.IsAsciiHexDigit(normal[found - 1]) && normal[found - 1] != ':')) && (end == normal.Length || !char.IsAsciiHexDigit(normal[end])))
            {
                return true;
            }

            int next = normal[(found + 1)..].IndexOf(Loopback);
            found = next < 0 ? -1 : found + 1 + next;
        }

        return false;
    }

    private static bool IsPortZero(ReadOnlySpan<char> normal)
    {
        if (Phrase.Has(normal, "htons(0)", "port 0", "port=0", "端口 0", "bind(0)"))
        {
            return true;
        }

        for (int i = 1; i + 1 < normal.Length; i++)
        {
            if (normal[i] == ':' && normal[i + 1] == '0' && (char.IsAsciiLetterOrDigit(normal[i - 1]) || normal[i - 1] is ']' or '*') && EndsPort(normal[(i + 2)..]))
            {
                return true;
            }
        }

        return false;
    }

    // Not of a longer number, a part of an address or a time.
    private static bool EndsPort(ReadOnlySpan<char> rest) =>
        rest.IsEmpty || !(char.IsAsciiLetterOrDigit(rest[0]) || rest[0] == '.' || (rest[0] == ':' && rest.Length > 1 && (char.IsAsciiHexDigit(rest[1]) || rest[1] == ':')));
}

/// <summary>What a call was about.</summary>
[Flags]
internal enum Place
{
    None = 0,

    /// <summary>A Unix socket.</summary>
    Unix = 1,

    /// <summary>::1.</summary>
    Loopback6 = 2,

    /// <summary>Any IPv6 address.</summary>
    Address6 = 4,

    /// <summary>Port 0: the kernel chooses.</summary>
    PortZero = 8,

    /// <summary>A port below 1024, as NFS and rsh want it.</summary>
    ReservedPort = 16,

    /// <summary>A connection that is being made.</summary>
    BeforeConnect = 32,

    /// <summary>Port 53 of a name server.</summary>
    NameServer = 64,

    /// <summary>Connection tracking or the program for it.</summary>
    Conntrack = 128,
}
