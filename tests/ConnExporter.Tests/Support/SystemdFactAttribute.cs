using System.Diagnostics;
using System.Text;

namespace ConnExporter.Tests.Support;

/// <summary>A test that asks systemd's own parser, which needs its shared library and python3.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SystemdFactAttribute : FactAttribute
{
    private const string Script = """
        import ctypes, os, sys, tempfile
        lib = ctypes.CDLL(sys.argv[1])
        strings = ctypes.POINTER(ctypes.c_char_p)
        lib.load_env_file.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(strings)]
        lib.strv_env_clean_with_callback.argtypes = [strings, ctypes.c_void_p, ctypes.c_void_p]
        lib.strv_env_clean_with_callback.restype = strings
        with tempfile.TemporaryDirectory() as directory:
            name = os.path.join(directory, "file")
            for line in sys.stdin:
                with open(name, "wb") as file:
                    file.write(bytes.fromhex(line))
                found = strings()
                if lib.load_env_file(None, name.encode(), ctypes.byref(found)) < 0:
                    print("refused")
                    continue
                values = []
                if found:
                    found = lib.strv_env_clean_with_callback(found, None, None)
                    i = 0
                    while found[i] is not None:
                        values.append(found[i].hex())
                        i += 1
                print("|".join(sorted(values)))
        """;

    private static readonly string? Library = new[] { "/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib/aarch64-linux-gnu/systemd", "/usr/lib/systemd" }
        .Where(Directory.Exists).SelectMany(directory => Directory.GetFiles(directory, "libsystemd-shared-*.so")).FirstOrDefault();

    public SystemdFactAttribute() => Skip = Library is null ? "systemd's shared library is not installed (Debian package systemd)" : null;

    /// <summary>What systemd makes of the content of environment files.</summary>
    /// <param name="texts">One file each.</param>
    /// <returns>For each the assignments in hexadecimal digits, sorted, with <c>|</c> between; <c>refused</c> where it takes nothing.</returns>
    public static string[] Ask(IEnumerable<string> texts)
    {
        using Process python = Process.Start(new ProcessStartInfo("python3", ["-c", Script, Library!]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true })!;
        Task<string> output = python.StandardOutput.ReadToEndAsync();
        foreach (string text in texts)
        {
            python.StandardInput.WriteLine(Convert.ToHexString(Encoding.UTF8.GetBytes(text)));
        }

        python.StandardInput.Close();
        string said = output.GetAwaiter().GetResult();
        python.WaitForExit();
        python.ExitCode.ShouldBe(0);
        return said[..^1].Split('\n');
    }
}
