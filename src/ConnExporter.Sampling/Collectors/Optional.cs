using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Sampling.Collectors;

/// <summary>Reads that may find nothing without spoiling the reading they belong to.</summary>
internal static class Optional
{
    /// <summary>A number that not every kernel, or not every network namespace, has.</summary>
    /// <returns>Null where there is no such file; any other failure is thrown.</returns>
    public static ulong? ReadNumberIfThere(this ProcFile file)
    {
        try
        {
            return file.ReadNumber();
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
        {
            return null;
        }
    }
}
