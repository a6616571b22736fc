using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using Microsoft.Extensions.Hosting;
using Serilog;

namespace ConnExporter.Hosting;

/// <summary>
/// Soon after the start gives back a third of what is mapped of the file, before the first census has filled its tables; and once more when everything has run
/// once, with the garbage of the heap.
/// </summary>
internal sealed class StartMemory(ILogger log) : BackgroundService
{
    private static readonly TimeSpan Listening = TimeSpan.FromSeconds(1);

    // By then everything has run once.
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(14);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (await WaitAsync(Listening, stoppingToken))
        {
            GiveCodeBack();
        }

        if (await WaitAsync(Settled, stoppingToken))
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GiveCodeBack();
        }
    }

    private static async Task<bool> WaitAsync(TimeSpan time, CancellationToken stoppingToken)
    {
        await Task.Delay(time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !stoppingToken.IsCancellationRequested;
    }

    private void GiveCodeBack()
    {
        try
        {
            log.Debug("Gave {Bytes} bytes of mapped code back", MappedCode.GiveBack());
        }
        catch (KernelReadException e)
        {
            // It goes on as it is, only larger.
            log.Debug("Kept the memory of the start: {Failure}", e.Message);
        }
    }
}
