using System.Text;
using ConnExporter.Incidents;
using ConnExporter.Tests.Support;
using ConnExporter.Web.Pages;

namespace ConnExporter.Tests.Web.Pages;

/// <summary>A disk that hangs holds one thread, whoever asks how often, and nobody waits for it for long.</summary>
public sealed class DiskThreadTests : IDisposable
{
    private readonly ManualTime time = new();
    private readonly LoggedLines logged = new();
    private readonly ManualResetEventSlim hung = new();
    private readonly ManualResetEventSlim answering = new();
    private readonly DiskThread disk;
    private int reads;

    public DiskThreadTests() => disk = new DiskThread("/var/lib/x", time, logged.Log);

    public void Dispose()
    {
        answering.Set();
        disk.Dispose();
    }

    [Fact]
    public async Task What_the_disk_says_is_answered()
    {
        (await Ask("/incidents", () => "a list"))!.ShouldBe("a list");
        (await Ask("/incidents/x", () => null)).ShouldBeNull();
    }

    [Fact]
    public async Task What_it_cannot_read_is_told_where_it_was_asked_for_and_the_thread_goes_on()
    {
        (await Should.ThrowAsync<IncidentException>(() => Ask("/incidents", () => throw new IncidentException("cut off")))).Message.ShouldBe("cut off");
        await Should.ThrowAsync<InvalidDataException>(() => Ask("/incidents/big", () => throw new InvalidDataException()));

        (await Ask("/incidents/x", () => "there"))!.ShouldBe("there");
    }

    [Fact]
    public async Task Who_asks_for_the_same_gets_the_same_answer_for_a_second()
    {
        Task<string?>[] first = Hang("/incidents", askers: 50);

        answering.Set();
        (await Task.WhenAll(first)).ShouldAllBe(answer => answer == "late");
        reads.ShouldBe(1);

        time.Advance(DiskThread.Kept / 2);
        (await Ask("/incidents", () => "another")).ShouldBe("late");
        time.Advance(DiskThread.Kept);
        (await Ask("/incidents", () => "another")).ShouldBe("another");
    }

    [Fact]
    public async Task Who_waits_for_a_disk_that_hangs_is_told_so()
    {
        Task<string?>[] waiting = [.. Hang("/incidents", askers: 20), Ask("/incidents/x", () => "behind it")];

        time.Advance(DiskThread.Patience);

        foreach (Task<string?> one in waiting)
        {
            (await Should.ThrowAsync<IncidentException>(() => one)).Message.ShouldBe("/var/lib/x: the disk does not answer");
        }
    }

    [Fact]
    public async Task While_it_hangs_everybody_is_told_at_once_and_one_thread_is_held()
    {
        Task<string?>[] waiting = Hang("/incidents", askers: 1);
        time.Advance(DiskThread.Patience);
        await Should.ThrowAsync<IncidentException>(() => waiting[0]);

        for (int i = 0; i < 1000; i++)
        {
            // No time passes here, so these do not wait for any.
            await Should.ThrowAsync<IncidentException>(() => Ask($"/incidents/{i}", () => throw new InvalidOperationException("it is not read")));
        }

        reads.ShouldBe(1);
        time.Timers.ShouldBe(0, "nothing is left that waits");
        logged.Take().ShouldBe(["<4>The disk has not answered for 2 s: /var/lib/x; its incidents cannot be shown"]);
    }

    [Fact]
    public async Task When_the_disk_is_back_it_answers_again()
    {
        Task<string?>[] waiting = Hang("/incidents", askers: 1);
        time.Advance(DiskThread.Patience * 5);
        await Should.ThrowAsync<IncidentException>(() => waiting[0]);
        await Should.ThrowAsync<IncidentException>(() => Ask("/incidents", () => "x"));
        logged.Take();

        answering.Set();

        string[] lines = [];
        Eventually.True(() => (lines = logged.Take()).Length > 0);
        lines.ShouldBe(["<6>The disk answers again, after 10 s: /var/lib/x"]);
        (await Ask("/incidents/x", () => "there")).ShouldBe("there");
    }

    [Fact]
    public async Task Who_has_gone_leaves_nothing_behind()
    {
        Hang("/incidents", askers: 1);
        using var end = new CancellationTokenSource();
        Task<string?>[] waiting = [.. Enumerable.Range(0, DiskThread.WaitingBound).Select(i => Ask($"/incidents/{i}", () => "x", end.Token))];
        (await Should.ThrowAsync<IncidentException>(() => Ask("/incidents/y", () => "y"))).Message.ShouldContain("too many wait");

        await end.CancelAsync();

        foreach (Task<string?> one in waiting)
        {
            await Should.ThrowAsync<OperationCanceledException>(() => one);
        }

        Task<string?> next = Ask("/incidents/y", () => "there is place");
        answering.Set();
        (await next).ShouldBe("there is place");
        reads.ShouldBe(2, "what nobody waits for is not read");
    }

    // The first question, which the disk does not answer, and others who ask the same.
    private Task<string?>[] Hang(string path, int askers)
    {
        Func<string?> read = () =>
        {
            hung.Set();
            answering.Wait();
            return "late";
        };
        Task<string?>[] asked = [.. Enumerable.Range(0, askers).Select(_ => Ask(path, read))];
        hung.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();
        return asked;
    }

    private async Task<string?> Ask(string path, Func<string?> read, CancellationToken end = default)
    {
        PageAnswer? answer = await disk.AskAsync(
            new DiskQuestion(path, Record: null, "en", Compressed: false),
            () =>
            {
                Interlocked.Increment(ref reads);
                return read() is { } text ? PageAnswer.Of("text/plain", text) : null;
            },
            end);
        return answer is null ? null : Encoding.UTF8.GetString(answer.Content(false));
    }
}
