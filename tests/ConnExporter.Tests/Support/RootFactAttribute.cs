using System.Diagnostics;

namespace ConnExporter.Tests.Support;

/// <summary>A test that gives files to other users, which only root can.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute() => Skip = Environment.IsPrivilegedProcess ? null : "needs root";
}

/// <summary>The same with several cases.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RootTheoryAttribute : TheoryAttribute
{
    public RootTheoryAttribute() => Skip = Environment.IsPrivilegedProcess ? null : "needs root";
}

/// <summary>Files as others leave them.</summary>
internal static class Strangers
{
    public const uint Nobody = 65534;

    /// <summary>Gives a file to nobody.</summary>
    public static void Give(string path) => Run("chown", "--no-dereference", "65534:65534", path);

    public static void MakeFifo(string path) => Run("mkfifo", path);

    /// <summary>A file whose name is not UTF-8, which the framework can neither make nor open.</summary>
    public static void WriteUnderBytes(string directory, string name, string content) => Run("bash", "-c", "printf %s \"$2\" > \"$0/$(printf \"$1\")\"", directory, name, content);

    /// <summary>Removes it again, which the framework cannot do either.</summary>
    public static void RemoveAll(string directory) => Run("rm", "-r", directory);

    private static void Run(params string[] command)
    {
        using var process = Process.Start(command[0], command[1..]);
        process.WaitForExit(TimeSpan.FromSeconds(30)).ShouldBeTrue();
        process.ExitCode.ShouldBe(0);
    }
}
