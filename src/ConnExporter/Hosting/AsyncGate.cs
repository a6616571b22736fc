namespace ConnExporter.Hosting;

/// <summary>Lets one in at a time; who waits holds no thread. A lock would, and the threads that answer requests are few.</summary>
#pragma warning disable CA1001 // Without a wait handle, which nobody asks for, a semaphore holds nothing that would have to be given back.
internal sealed class AsyncGate
#pragma warning restore CA1001
{
    private readonly SemaphoreSlim semaphore = new(1, 1);

    /// <summary>Waits for the turn; <see cref="Leave"/> ends it.</summary>
    public Task EnterAsync() => semaphore.WaitAsync();

    /// <summary>The next one's turn.</summary>
    public void Leave() => semaphore.Release();
}
