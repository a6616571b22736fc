using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Collectors;

/// <summary>Where sockets are read: sock_diag, and <c>/proc/net/tcp</c> and <c>tcp6</c> where that is missing or not permitted. For one thread.</summary>
/// <param name="kernel">The kernel.</param>
/// <param name="instead">Other tables than those of TCP; null for these.</param>
internal sealed class SocketSource(KernelSource kernel, TcpTables? instead = null) : IDisposable
{
    // Each attempt makes a kernel without the module run modprobe.
    private static readonly TimeSpan ProbeAgainAfter = TimeSpan.FromMinutes(5);
    private readonly TcpTables tables = instead ?? new TcpTables(kernel.Proc);
    private NetlinkSocket? sockDiag;
    private long missingSince;
    private bool isDenied;

    /// <summary>Why sock_diag cannot be asked; null where it can, or was not asked yet.</summary>
    public string? Missing { get; private set; }

    /// <summary>Asks sock_diag, and the tables where there is none.</summary>
    /// <param name="context">The sample.</param>
    /// <param name="question">What to ask of sock_diag.</param>
    /// <param name="instead">What the tables answer.</param>
    /// <exception cref="KernelReadException">Neither answers, or sock_diag does and cannot be understood.</exception>
    public T Ask<T>(CollectContext context, Func<NetlinkSocket, T> question, Func<TcpTables, T> instead)
    {
        if (Missing is null || isDenied || context.Time.GetElapsedTime(missingSince) >= ProbeAgainAfter)
        {
            try
            {
                T answer = question(sockDiag ??= kernel.OpenSockDiag());
                Missing = null;
                return answer;
            }
            catch (KernelReadException e)
            {
                // In the middle of an answer the socket is of no further use.
                sockDiag?.Dispose();
                sockDiag = null;
                if (e.Kind == FailureKind.Broken)
                {
                    throw;
                }

                Missing = e.Message;
                isDenied = e.Kind == FailureKind.Denied;
                missingSince = context.Time.GetTimestamp();
            }
        }

        try
        {
            return instead(tables);
        }
        catch (KernelReadException e) when (e.Kind != FailureKind.Broken)
        {
            throw new KernelReadException(e.Kind, e.Reason, $"{Missing}; {e.Message}", e);
        }
        finally
        {
            tables.Dispose();
        }
    }

    /// <summary>Asks sock_diag what only it can tell.</summary>
    /// <returns>The default where it cannot be asked.</returns>
    public T? AskSockDiag<T>(Func<NetlinkSocket, T> question)
    {
        if (Missing is not null)
        {
            return default;
        }

        try
        {
            return question(sockDiag ??= kernel.OpenSockDiag());
        }
        catch (KernelReadException)
        {
            sockDiag?.Dispose();
            sockDiag = null;
            throw;
        }
    }

    /// <summary>Closes what is open, also in the middle of an answer. What is asked next opens it again.</summary>
    public void Dispose()
    {
        sockDiag?.Dispose();
        sockDiag = null;
        tables.Dispose();
    }
}
