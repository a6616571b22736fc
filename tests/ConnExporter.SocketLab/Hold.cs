using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace ConnExporter.SocketLab;

/// <summary>Says that all is in place, then waits until stdin closes or SIGTERM comes.</summary>
internal static class Hold
{
    /// <summary>Prints the ready line and hands each line of stdin to <paramref name="command"/> until there are no more.</summary>
    public static void UntilEnd(string json, Func<string, string>? command = null)
    {
        using var lines = new BlockingCollection<string>();
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            // The end is the usual one, so that holders are waited for.
            signal.Cancel = true;
            lines.CompleteAdding();
        });

        // A thread of its own: reading stdin cannot be interrupted.
        new Thread(() => Read(lines)) { IsBackground = true }.Start();
        Say($"ready {json}");
        foreach (string line in lines.GetConsumingEnumerable())
        {
            if (command is not null && line.Length > 0)
            {
                Say(command(line));
            }
        }
    }

    private static void Read(BlockingCollection<string> lines)
    {
        try
        {
            while (Console.In.ReadLine() is { } line)
            {
                lines.Add(line);
            }

            lines.CompleteAdding();
        }
        catch (Exception e) when (e is InvalidOperationException or ObjectDisposedException)
        {
            // SIGTERM was faster.
        }
    }

    private static void Say(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
    }
}
