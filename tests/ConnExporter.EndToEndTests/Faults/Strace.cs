using System.Diagnostics;
using System.Text.RegularExpressions;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Faults;

/// <summary>strace(1), which makes system calls fail or take their time.</summary>
/// <remarks>It counts the calls of each thread apart: <c>when=3</c> is the third one of every thread.</remarks>
internal sealed partial class Strace : IAsyncDisposable
{
    public const string Program = "strace";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly TemporaryDirectory directory = new();
    private readonly Process process;

    private Strace(int daemon, string calls, string? injection, Func<string, bool> isMeant)
    {
        string[] inject = injection is null ? [] : ["-e", $"inject={calls}:{injection}"];
        string[] threads = [.. Threads(daemon).Where(thread => isMeant(thread.Name)).SelectMany(thread => new[] { "-p", thread.Id })];
        process = Process.Start(new ProcessStartInfo(Program, ["-Y", "-o", directory["trace"], "-e", $"trace={calls}", "-e", "signal=none", .. inject, .. threads]) { UseShellExecute = false, RedirectStandardError = true })!;
    }

    /// <summary>Attaches to the threads of a running program and returns when all of them are traced.</summary>
    /// <param name="daemon">Its process id.</param>
    /// <param name="calls">The system calls, separated by commas.</param>
    /// <param name="injection">What happens to them, as strace has it behind <c>inject=CALLS:</c>; null to watch only.</param>
    /// <param name="isMeant">Which threads, by their names; null for all.</param>
    public static async Task<Strace> AttachAsync(int daemon, string calls, string? injection, Func<string, bool>? isMeant = null)
    {
        int all = Threads(daemon).Count(thread => isMeant?.Invoke(thread.Name) != false);
        var strace = new Strace(daemon, calls, injection, isMeant ?? (_ => true));
        try
        {
            for (int attached = 0; attached < all; attached++)
            {
                // "strace: Process 123 attached", or that it has ended meanwhile.
                (await strace.process.StandardError.ReadLineAsync().WaitAsync(Patience)).ShouldNotBeNull("strace has ended");
            }

            _ = strace.process.StandardError.ReadToEndAsync();
            return strace;
        }
        catch
        {
            await strace.DisposeAsync();
            throw;
        }
    }

    /// <summary>The command before a program's own that lets it run under strace from its first call on. The process stays the program's.</summary>
    /// <param name="file">Where the calls are written to.</param>
    /// <param name="trace">The calls to write.</param>
    /// <param name="injection">As strace has it behind <c>inject=</c>; null to watch only.</param>
    public static string[] Under(string file, string trace, string? injection) =>
        [Program, "-D", "-f", "--seccomp-bpf", "-Y", "-o", file, "-e", $"trace={trace}", "-e", "signal=none", .. injection is null ? Array.Empty<string>() : ["-e", $"inject={injection}"]];

    /// <summary>Lets go of the program.</summary>
    /// <returns>The calls that it made meanwhile.</returns>
    public async Task<IReadOnlyList<TracedCall>> DetachAsync()
    {
        // It ends by itself when the program has: also between this question and the signal.
        if (!process.HasExited)
        {
            LibC.TryKill(process.Id, LibC.SigInt);
            await process.WaitForExitAsync().WaitAsync(Patience);
        }

        return Read(directory["trace"]);
    }

    /// <summary>Reads what strace has written.</summary>
    public static IReadOnlyList<TracedCall> Read(string file) =>
        [.. File.ReadLines(file).Select(line => Line().Match(line)).Where(match => match.Success).Select(match => new TracedCall(
            match.Groups["id"].Value, match.Groups["thread"].Value, match.Groups["call"].Value, match.Groups["rest"].Value))];

    public async ValueTask DisposeAsync()
    {
        await DetachAsync();
        process.Dispose();
        directory.Dispose();
    }

    /// <summary>The threads of a process.</summary>
    public static IReadOnlyList<(string Id, string Name)> Threads(int process)
    {
        var threads = new List<(string, string)>();
        foreach (string thread in Directory.EnumerateDirectories($"/proc/{process}/task"))
        {
            try
            {
                threads.Add((Path.GetFileName(thread), File.ReadAllText(Path.Join(thread, "comm")).Trim()));
            }
            catch (IOException)
            {
                // It has ended.
            }
        }

        return threads;
    }

    // 123<name> call(arguments) = result; of a call that another thread came into the middle of there is a second line that begins with "<...".
    [GeneratedRegex(@"^(?<id>\d+)<(?<thread>.*?)> (?<call>[a-z0-9_]+)\((?<rest>.*)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Line();
}

/// <summary>One system call as strace wrote it.</summary>
/// <param name="ThreadId">The thread's id.</param>
/// <param name="Thread">The thread's name.</param>
/// <param name="Name">The call.</param>
/// <param name="Rest">Its arguments and its result.</param>
internal sealed record TracedCall(string ThreadId, string Thread, string Name, string Rest)
{
    /// <summary>Whether it was made to fail.</summary>
    public bool IsInjected => Rest.EndsWith("(INJECTED)", StringComparison.Ordinal);
}
