namespace ConnExporter.Kernel;

/// <summary>Descriptors kept for the moment when there are none left. For one thread at a time.</summary>
public sealed class DescriptorReserve : IDisposable
{
    private readonly DescriptorHandle?[] kept;

    /// <summary>A reserve that is full, as far as the limit allows.</summary>
    /// <param name="size">How many descriptors.</param>
    public DescriptorReserve(int size)
    {
        kept = new DescriptorHandle?[size];
        Take();
    }

    /// <summary>The soft limit of this process's descriptors, as it is now: it can be changed from outside.</summary>
    public static ulong Limit => LibC.GetResourceLimit(LibC.ResourceOpenFiles, out LibC.ResourceLimit limit) == 0 ? limit.Soft : ulong.MaxValue;

    /// <summary>Gives them back to the process.</summary>
    public void Release()
    {
        for (int i = 0; i < kept.Length; i++)
        {
            kept[i]?.Dispose();
            kept[i] = null;
        }
    }

    /// <summary>Takes as many as are missing and can be had.</summary>
    public unsafe void Take()
    {
        fixed (byte* path = "/dev/null\0"u8)
        {
            for (int i = 0; i < kept.Length; i++)
            {
                if (kept[i] is null && LibC.OpenAt(LibC.AtFdCwd, path, LibC.OpenReadOnly | LibC.OpenCloseOnExec) is >= 0 and int descriptor)
                {
                    kept[i] = new DescriptorHandle(descriptor);
                }
            }
        }
    }

    /// <summary>Gives them back for good.</summary>
    public void Dispose() => Release();
}
