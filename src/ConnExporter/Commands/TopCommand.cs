using System.Runtime.InteropServices;
using System.Text;
using ConnExporter.Configuration;
using ConnExporter.Hosting;
using ConnExporter.Kernel;
using ConnExporter.Terminal;
using ConnExporter.Terminal.Top;
using ConnExporter.Texts;

namespace ConnExporter.Commands;

/// <summary><c>top</c>: shows in the whole window what is running out and who uses it, again and again, until it is ended. The terminal is given back however it ends.</summary>
internal static class TopCommand
{
    // The alternate screen without a cursor, and without breaking lines that are wider than it was a moment ago; and back.
    private const string Open = "\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J";
    private const string Close = "\u001b[?7h\u001b[?25h\u001b[?1049l";
    private const string Home = "\u001b[H";
    private const string EndOfLine = "\u001b[K";

    // Of a shell's exit status for a signal (128 and its number).
    private const int OfSignal = 128;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(200);

    /// <summary>Whether there is a terminal to show it on.</summary>
    public static bool HasTerminal => TerminalSize.Of(0) is not null && TerminalSize.Of(1) is not null && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    /// <summary>Runs it.</summary>
    /// <param name="sources">The settings.</param>
    /// <param name="language">The language; null for the locale's.</param>
    /// <returns>0, or what a shell says of a process that a signal has ended.</returns>
    public static int Run(ConfigurationSources sources, Language? language)
    {
        ExporterOptions options = sources.Load();
        var book = TextBook.Of(LocaleOutput.Begin(language));
        if (!HasTerminal)
        {
            throw new ConfigurationException("top: standard input and output must be a terminal that is not dumb; 'conn-exporter diagnose' prints what there is once");
        }

        int signal = 0;
        using PosixSignalRegistration term = Take(PosixSignal.SIGTERM, 15);
        using PosixSignalRegistration interrupt = Take(PosixSignal.SIGINT, 2);
        using PosixSignalRegistration hangUp = Take(PosixSignal.SIGHUP, 1);
        using var mode = TerminalMode.Enter(0);
        using var source = new TopSource(options, book);
        bool isGone = mode is null;
        try
        {
            Console.Out.Write(Open);
            isGone = mode is not null && !Show(source, mode, book, () => Volatile.Read(ref signal) != 0);
        }
        catch (OutputException) when (Volatile.Read(ref signal) != 0)
        {
            isGone = true;
        }
        finally
        {
            GiveBack();
        }

        return Volatile.Read(ref signal) is not 0 and var ended ? OfSignal + ended : isGone ? OfSignal + 1 : ExitCode.Ok;

        PosixSignalRegistration Take(PosixSignal which, int number) => PosixSignalRegistration.Create(which, context =>
        {
            context.Cancel = true;
            Interlocked.CompareExchange(ref signal, number, 0);
        });
    }

    // False where the terminal is gone.
    private static bool Show(TopSource source, TerminalMode mode, TextBook book, Func<bool> isEnded)
    {
        var state = new TopState();
        var style = TerminalStyle.OfOutput(Environment.GetEnvironmentVariable);
        var screen = new TopScreen(book, style, new TopTrends());
        TimeProvider time = TimeProvider.System;
        TopFrame? frame = null;
        TerminalSize drawn = default;
        long? looked = null;
        byte[] typed = new byte[256];
        while (!state.IsOver && !isEnded())
        {
            TerminalSize size = TerminalSize.Of(1) ?? new TerminalSize(80, 24);
            bool isDue = looked is null || time.GetElapsedTime(looked.Value) >= (frame is null ? Soon : Interval);
            if (isDue && looked is not null)
            {
                frame = source.Next() ?? frame;
                if (frame is not null)
                {
                    screen.Remember(frame);
                }
            }

            if (isDue || size != drawn)
            {
                looked = isDue ? time.GetTimestamp() : looked;
                drawn = Draw(screen, frame, state, size);
            }

            int count = mode.Read(typed, Soon);
            if (count < 0)
            {
                return false;
            }

            foreach (KeyPress press in Keys.In(typed[..count]))
            {
                state.Press(press, column => TopTable.ColumnsOf(state.Tab, size.Columns).Contains(column));
                drawn = default;
            }
        }

        return true;
    }

    private static TerminalSize Draw(TopScreen screen, TopFrame? frame, TopState state, TerminalSize size)
    {
        var text = new StringBuilder(Home);
        text.AppendJoin($"{EndOfLine}\r\n", screen.Draw(frame, state, size)).Append(EndOfLine);
        Console.Out.Write(text.ToString());
        Console.Out.Flush();
        return size;
    }

    private static void GiveBack()
    {
        try
        {
            Console.Out.Write(Close);
            Console.Out.Flush();
        }
        catch (OutputException)
        {
            // The terminal is gone: there is nothing to give back.
        }
    }
}
