using System.Runtime.InteropServices;

namespace ConnExporter.Kernel;

/// <summary>There can be no socket at a path. The message says why, in one line, without the path itself.</summary>
public sealed class UnixListenerException(string message) : IOException(message)
{
    /// <summary>A call that failed while the socket was made.</summary>
    /// <param name="path">The path of the socket.</param>
    /// <param name="errno">The error number.</param>
    internal static UnixListenerException Of(string path, int errno)
    {
        string directory = Path.GetDirectoryName(path) ?? "/";
        return new UnixListenerException(errno switch
        {
            Errno.NoEntry => $"there is no directory {directory}",
            Errno.NotDirectory => $"something on the way to {directory} is no directory",
            Errno.AccessDenied or Errno.NotPermitted => $"user {LibC.EffectiveUser()} may not make a file in {directory} (errno {errno})",
            Errno.ReadOnlyFileSystem => $"{directory} is on a file system that is read-only",
            Errno.NameTooLong => "a part of the path is longer than the file system permits",
            Errno.TooManyLinks => $"the symbolic links on the way to {directory} go in circles, or there are too many",
            _ => Marshal.GetPInvokeErrorMessage(errno),
        });
    }
}
