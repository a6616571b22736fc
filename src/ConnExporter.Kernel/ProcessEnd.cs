using System.Diagnostics.CodeAnalysis;

namespace ConnExporter.Kernel;

/// <summary>The end of this process that nothing can hold up (_exit(2)).</summary>
public static class ProcessEnd
{
    /// <summary>Ends it: no finalizer runs, and the runtime cleans up nothing.</summary>
    /// <param name="code">The exit code.</param>
    [DoesNotReturn]
    public static void Now(int code)
    {
        LibC.Exit(code);
        throw new InvalidOperationException("_exit has returned");
    }
}
