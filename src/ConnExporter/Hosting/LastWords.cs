using System.ComponentModel;
using System.Runtime.CompilerServices;
using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Terminal;
using Microsoft.Win32.SafeHandles;

namespace ConnExporter.Hosting;

/// <summary>What is said of an exception that nobody expected.</summary>
internal static class LastWords
{
    private const int StandardError = 2;

    // errno(3): ENOMEM, and EAGAIN of what makes a thread.
    private const int OutOfMemory = 12;
    private const int TryAgain = 11;

    /// <summary>Says it on standard error.</summary>
    /// <param name="failure">What was thrown.</param>
    /// <returns>The exit code.</returns>
    public static int Say(Exception failure)
    {
        // Not by Console, which may be just what cannot be loaded.
        try
        {
            using var error = new FileStream(new SafeFileHandle(StandardError, ownsHandle: false), FileAccess.Write, bufferSize: 0);
            error.Write(Encoding.UTF8.GetBytes($"conn-exporter: {Of(failure)}\n"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Then the exit code has to do: there is nobody else to tell.
        }

        return failure is OutputException ? ExitCode.Output : ExitCode.Internal;
    }

    /// <summary>
    /// Has it said too where a thread of the runtime's own finds no memory or no further thread, which nothing of ours can catch; else the runtime would abort (134).
    /// A defect still ends with the runtime's abort, and its core dump.
    /// </summary>
    public static void TakeShortagesElsewhere() => AppDomain.CurrentDomain.UnhandledException += (_, unhandled) =>
    {
        if (unhandled.ExceptionObject is Exception failure && OfShortage(failure) is not null)
        {
            End(Say(failure));
        }
    };

    /// <summary>Ends the process without the runtime's own end.</summary>
    /// <exception cref="FileNotFoundException">The code for it cannot be loaded.</exception>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void End(int exitCode) => ProcessEnd.Now(exitCode);

    internal static string Of(Exception failure)
    {
        for (Exception? cause = failure; cause is not null; cause = cause.InnerException)
        {
            if (cause is OutputException)
            {
                return cause.Message;
            }
        }

        return OfShortage(failure) ?? $"a defect in this program, please report it: {failure}".ReplaceLineEndings(" | ");
    }

    /// <summary>What the host lacks, where that is what an exception says.</summary>
    /// <returns>Null where it says something else.</returns>
    internal static string? OfShortage(Exception failure)
    {
        for (Exception? cause = failure; cause is not null; cause = cause.InnerException)
        {
            // The runtime says the same of memory and of threads.
            if (cause is OutOfMemoryException or Win32Exception { NativeErrorCode: OutOfMemory or TryAgain })
            {
                return $"no memory or no further thread to be had, of which the runtime does not say which (MemoryMax=, ulimit -v; TasksMax=, pids.max, ulimit -u; ulimit -n): {cause.Message.ReplaceLineEndings(" ").Trim()}";
            }

            // Of a missing assembly the file name is its full name; of any other file it is a path.
            if (cause is FileLoadException or BadImageFormatException || (cause is FileNotFoundException { FileName: { } name } && name.Contains(", Version=", StringComparison.Ordinal)))
            {
                return $"cannot load its own code, for want of open files or memory as a rule (ulimit -n, fs.file-max, MemoryMax=): {cause.Message.ReplaceLineEndings(" ").Trim()}";
            }
        }

        return null;
    }
}
