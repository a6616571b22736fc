using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Collectors;

/// <summary><c>Tcp: ActiveOpens</c> of <c>/proc/net/snmp</c> alone: connections that were begun from here. For one thread.</summary>
internal sealed class ActiveOpens(KernelSource kernel) : IDisposable
{
    private static readonly byte[][] Name = ["ActiveOpens"u8.ToArray()];
    private readonly ProcFile snmp = kernel.Proc.NetFile("snmp");

    /// <summary>Reads it.</summary>
    /// <returns>Null where it cannot be read; the collector of counters says why.</returns>
    public ulong? Read()
    {
        ulong?[] value = new ulong?[1];
        try
        {
            NameValueTable.Parse(snmp.Path, snmp.Read(), "Tcp:"u8, Name, value);
        }
        catch (KernelReadException)
        {
            return null;
        }

        return value[0];
    }

    public void Dispose() => snmp.Dispose();
}
