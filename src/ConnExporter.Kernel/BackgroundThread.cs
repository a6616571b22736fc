namespace ConnExporter.Kernel;

/// <summary>The scheduling weight of the calling thread.</summary>
public static class BackgroundThread
{
    private const int Niceness = 5;

    /// <summary>Lets the calling thread give way to all others of this host that want the CPU (setpriority(2)).</summary>
    /// <returns>Whether the kernel did so; a sandbox may forbid it, and then the thread weighs as much as the others.</returns>
    public static bool GiveWay() => LibC.SetPriority(LibC.PriorityOfThread, 0, Niceness) == 0;
}
