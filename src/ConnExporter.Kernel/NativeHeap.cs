namespace ConnExporter.Kernel;

/// <summary>The C library's heap, in which the runtime and what compresses pages have their buffers.</summary>
public static class NativeHeap
{
    // Its own default, but for good: left alone, it grows with the first large block that is freed, and keeps some 8 MB that nobody uses.
    private const int TrimThreshold = 128 * 1024;

    /// <summary>Has the C library give back what is freed, and keep one arena for all threads (mallopt(3)). What it refuses stays as it was.</summary>
    public static void KeepSmall()
    {
        _ = LibC.SetHeapOption(LibC.HeapTrimThreshold, TrimThreshold);
        _ = LibC.SetHeapOption(LibC.HeapArenas, 1);
    }
}
