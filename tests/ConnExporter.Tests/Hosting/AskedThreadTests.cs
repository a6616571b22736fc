using ConnExporter.Hosting;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Hosting;

public sealed class AskedThreadTests : IDisposable
{
    private readonly ManualTime time = new();
    private readonly ManualResetEventSlim began = new();
    private readonly ManualResetEventSlim answered = new(initialState: true);
    private readonly AskedThread thread;
    private Exception? thrown;
    private Exception? defect;
    private int turns;
    private int held;

    public AskedThreadTests() => thread = new AskedThread("asked", every: null, Turn, () => held++, e => Volatile.Write(ref defect, e), time);

    public void Dispose()
    {
        answered.Set();
        thread.Dispose();
    }

    [Fact]
    public async Task It_does_its_thing_when_it_is_asked()
    {
        await thread.Ask();
        await thread.Ask();

        turns.ShouldBe(2);
    }

    [Fact]
    public async Task However_often_it_is_asked_in_the_middle_that_is_one_more_time_and_nobody_waits()
    {
        answered.Reset();
        Task first = thread.Ask();
        began.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();

        Task[] more = [.. Enumerable.Range(0, 100).Select(_ => thread.Ask())];
        first.IsCompleted.ShouldBeFalse();
        answered.Set();

        await Task.WhenAll([first, .. more]);
        turns.ShouldBe(2);
    }

    [Fact]
    public async Task What_holds_it_is_told_once()
    {
        answered.Reset();
        Task first = thread.Ask();
        began.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();
        thread.Watch();
        held.ShouldBe(0);

        time.Advance(AskedThread.HeldAfter);
        thread.Watch();
        thread.Watch();
        held.ShouldBe(1);

        answered.Set();
        await first;
        thread.Watch();
        held.ShouldBe(1);
    }

    [Fact]
    public async Task A_defect_does_not_end_it()
    {
        thrown = new InvalidOperationException("oh");
        await thread.Ask();
        defect.ShouldBe(thrown);

        thrown = null;
        await thread.Ask();
        turns.ShouldBe(2);
    }

    private void Turn(bool asked)
    {
        asked.ShouldBeTrue();
        Interlocked.Increment(ref turns);
        began.Set();
        answered.Wait();
        if (Volatile.Read(ref thrown) is { } e)
        {
            throw e;
        }
    }
}
