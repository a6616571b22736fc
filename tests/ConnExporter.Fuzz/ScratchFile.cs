using Microsoft.Win32.SafeHandles;

namespace ConnExporter.Fuzz;

/// <summary>A file without a name for decoders that read by path: gone with the process, whatever becomes of it.</summary>
internal sealed class ScratchFile
{
    private readonly SafeFileHandle handle;

    public ScratchFile()
    {
        string path = System.IO.Path.GetTempFileName();
        handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        File.Delete(path);
        Path = $"/proc/self/fd/{handle.DangerousGetHandle()}";
    }

    /// <summary>The path under which it can be opened.</summary>
    public string Path { get; }

    /// <summary>Makes these bytes its content.</summary>
    public void Write(ReadOnlySpan<byte> content)
    {
        RandomAccess.SetLength(handle, content.Length);
        RandomAccess.Write(handle, content, 0);
    }
}
