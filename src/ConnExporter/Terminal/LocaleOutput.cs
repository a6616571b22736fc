using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Texts;

namespace ConnExporter.Terminal;

/// <summary>Text for people in the character set of their locale.</summary>
internal static class LocaleOutput
{
    // Simplified characters of our texts, which Big5 and the sets of other languages do not have.
    private const string Chinese = "进程的文件描述符耗尽";

    // Null for UTF-8, which has everything.
    private static CharsetWriter? output;

    /// <summary>Whether a text is a command that can be copied: one that arrives as other bytes names something else, and what looks like a quotation mark may become one.</summary>
    public static bool Carries(string text) => output?.Carries(text) != false;

    /// <summary>Has standard output and standard error write in the locale's character set from now on.</summary>
    /// <param name="asked">The language that was asked for; null for the locale's.</param>
    /// <returns>The language to write in: English where the set has no Chinese characters.</returns>
    public static Language Begin(Language? asked)
    {
        Language language = asked ?? Languages.OfEnvironment(Environment.GetEnvironmentVariable);
        if (LocaleCharset.OfEnvironment(Environment.GetEnvironmentVariable) is not { } name)
        {
            return language;
        }

        Charset? charset = Charset.Find(name) ?? Charset.Find(LocaleCharset.Least);
        output = new CharsetWriter(PlainOutput.Open(1), charset);
        Console.SetOut(output);
        Console.SetError(new CharsetWriter(PlainOutput.Open(2), charset));
        return language == Language.Chinese && charset?.Has(Chinese) != true ? Language.English : language;
    }
}

/// <summary>Writes each text in a character set, in one piece; in ASCII where there is none.</summary>
internal sealed class CharsetWriter(Stream stream, Charset? charset) : TextWriter
{
    public override Encoding Encoding => Encoding.UTF8;

    /// <summary>Whether every character of a text has the bytes that it has in UTF-8, by which files and units are named: outside of ASCII none has.</summary>
    public bool Carries(string text) => Ascii.IsValid(text) && charset?.Has(text) != false;

    public override void Write(char value) => Write(value.ToString());

    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    public override void Write(ReadOnlySpan<char> buffer) => Write(buffer.ToString());

    public override void Write(string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            stream.Write(charset?.Encode(value) ?? Encoding.ASCII.GetBytes(value));
        }
    }

    public override void Flush() => stream.Flush();
}
