using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ConnExporter.Hosting;

/// <summary>What is said of an exception that nobody expected.</summary>
internal static class LastWords
{
    private const int StandardError = 2;

    /// <summary>Says it on standard error.</summary>
    /// <param name="failure">What was thrown.</param>
    /// <returns>The exit code.</returns>
    public static int Say(Exception failure)
    {
        // Not by Console, which may be just what cannot be loaded.
        using var error = new FileStream(new SafeFileHandle(StandardError, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        error.Write(Encoding.UTF8.GetBytes($"conn-exporter: {Of(failure)}\n"));
        return ExitCode.Internal;
    }

    internal static string Of(Exception failure)
    {
        for (Exception? cause = failure; cause is not null; cause = cause.InnerException)
        {
            // Of a missing assembly the file name is its full name; of any other file it is a path.
            if (cause is FileLoadException or BadImageFormatException or OutOfMemoryException || (cause is FileNotFoundException { FileName: { } name } && name.Contains(", Version=", StringComparison.Ordinal)))
            {
                return $"cannot load its own code, for want of open files or memory as a rule (ulimit -n, fs.file-max, MemoryMax=): {cause.Message.ReplaceLineEndings(" ").Trim()}";
            }
        }

        return $"a defect in this program, please report it: {failure}".ReplaceLineEndings(" | ");
    }
}
