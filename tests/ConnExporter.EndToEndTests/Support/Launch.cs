using System.Diagnostics;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>How the program is started. It inherits nothing of the environment but the path.</summary>
internal sealed record Launch(params string[] Arguments)
{
    /// <summary>Variables it is given.</summary>
    public Dictionary<string, string> Environment { get; init; } = [];

    /// <summary>The build it is started from.</summary>
    public string Directory { get; init; } = Repository.DaemonDirectory;

    /// <summary>The published file to start instead of the build.</summary>
    public string? Published { get; init; }

    /// <summary>Whether it is the build in any case, to be compared with what is shipped.</summary>
    public bool IsBuild { get; init; }

    /// <summary>Whether it runs as the user nobody, without any capability.</summary>
    public bool AsNobody { get; init; }

    /// <summary>A program that becomes this one in the end, with its arguments: one that enters another namespace or root directory.</summary>
    public string[] Under { get; init; } = [];

    /// <summary>Whether its log is left unread once it has started.</summary>
    public bool LogIsLeftUnread { get; init; }

    /// <summary>How long it may run.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Whether somebody writes to its standard input.</summary>
    public bool WithInput { get; init; }

    public Process Start()
    {
        string[] command = [.. Published is not null ? [Published] : IsBuild ? ProgramUnderTest.Built(Directory) : ProgramUnderTest.Command(Directory), .. Arguments];
        command = [.. Under, .. command];
        if (AsNobody)
        {
            // It becomes the program, so that the process id is the program's.
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", .. command];
        }

        var start = new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = WithInput, WorkingDirectory = "/" };
        start.Environment.Clear();
        start.Environment["PATH"] = System.Environment.GetEnvironmentVariable("PATH");

        // Otherwise it would leave sockets in /tmp when it is killed.
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        foreach ((string name, string value) in Environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    /// <summary>Runs it to its end.</summary>
    public async Task<Finished> RunAsync()
    {
        using Process process = Start();
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(patience.Token);
            Task<string> error = process.StandardError.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            return new Finished(process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }
}

/// <summary>A program that has ended.</summary>
internal sealed record Finished(int ExitCode, string Output, string Error);
