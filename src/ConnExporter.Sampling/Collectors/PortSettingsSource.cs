using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Census;

namespace ConnExporter.Sampling.Collectors;

/// <summary>The settings that say which ephemeral ports connect() may take.</summary>
/// <param name="Range">The range in force.</param>
/// <param name="Reserved">Ports of it that are reserved; null where that is not known.</param>
/// <param name="Reuse">When a TIME_WAIT socket may be taken over.</param>
internal readonly record struct PortSettings(PortRange Range, PortSet? Reserved, TimeWaitReuse Reuse);

/// <summary>Where the <see cref="PortSettings"/> are read: <c>net.ipv4.*</c> of the network namespace that the kernel is read in. For one thread.</summary>
internal sealed class PortSettingsSource(KernelSource kernel) : IDisposable
{
    private static readonly TimeSpan DefaultReuseDelay = TimeSpan.FromSeconds(1);
    private readonly PortRangeSource ports = new(kernel);
    private readonly ProcFile reuse = kernel.Proc.File("sys/net/ipv4/tcp_tw_reuse");
    private readonly ProcFile reuseDelay = kernel.Proc.File("sys/net/ipv4/tcp_tw_reuse_delay");
    private readonly ProcFile timestamps = kernel.Proc.File("sys/net/ipv4/tcp_timestamps");
    private readonly ProcFile timeWaitLength = kernel.Proc.File("sys/net/ipv4/tcp_tw_timeout");

    /// <summary>Reads them.</summary>
    /// <param name="context">Notes where it is not known which ports are reserved.</param>
    /// <exception cref="KernelReadException">There is no range, or what is there cannot be understood.</exception>
    public PortSettings Read(CollectContext context)
    {
        (PortRange range, PortSet? reserved) = ports.Read(context);
        return new(range, reserved, ReadReuse());
    }

    /// <summary>Closes the files. What is read next opens them again.</summary>
    public void Dispose()
    {
        ports.Dispose();
        reuse.Dispose();
        reuseDelay.Dispose();
        timestamps.Dispose();
        timeWaitLength.Dispose();
    }

    private TimeWaitReuse ReadReuse() => new(
        reuse.ReadNumberIfThere() ?? 0,
        timestamps.ReadNumberIfThere() is not 0,
        reuseDelay.ReadNumberIfThere() is { } delay ? TimeSpan.FromMilliseconds(delay) : DefaultReuseDelay)
    {
        Length = timeWaitLength.ReadNumberIfThere() is { } seconds ? TimeSpan.FromSeconds(seconds) : TimeWaitReuse.MainlineLength,
    };
}
