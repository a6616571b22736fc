using System.Runtime.InteropServices;

namespace ConnExporter.SocketLab;

/// <summary>Says that all is in place, then waits until stdin closes or SIGTERM comes.</summary>
internal static class Hold
{
    /// <summary>Prints the ready line and hands each line of stdin to <paramref name="command"/> until there are no more.</summary>
    public static void UntilEnd(string json, Func<string, string>? command = null)
    {
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => Environment.Exit(0));
        Say($"ready {json}");
        while (Console.In.ReadLine() is { } line)
        {
            if (command is not null && line.Length > 0)
            {
                Say(command(line));
            }
        }
    }

    public static void Say(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
    }
}
