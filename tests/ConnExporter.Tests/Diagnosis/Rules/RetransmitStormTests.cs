using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class RetransmitStormTests
{
    private static readonly RetransmitStorm Rule = new();
    private readonly ObservationBench bench = new();

    [Fact]
    public void Nothing_read_is_nothing_wrong() => bench.Judge(Rule).ShouldBeNull();

    [Theory]
    [InlineData(95_000, 5_000, 0, true)]
    [InlineData(95_000, 4_900, 0, false)]
    [InlineData(950, 40, 0, false)]
    [InlineData(95_000, 5_000, 1_000, false)]
    public void A_twentieth_of_the_segments_over_five_minutes_is_a_storm(int sent, int again, int ofSyns, bool holds)
    {
        Play(300, sent, again, ofSyns);

        Verdict? verdict = bench.Judge(Rule);

        (verdict is not null).ShouldBe(holds);
        if (holds)
        {
            verdict.Text(Rule).ShouldContain("5,000 of 100,000 segments of the last 5 min were retransmissions (5 %)");
        }
    }

    [Fact]
    public void A_minute_proves_nothing()
    {
        Play(60, 100_000, 20_000, 0);

        bench.Judge(Rule).ShouldBeNull();
    }

    [Fact]
    public void What_holds_ends_below_a_lower_share()
    {
        Play(300, 95_500, 4_500, 0);

        bench.Judge(Rule).ShouldBeNull();
        bench.Judge(Rule, Severity.Warning).ShouldNotBeNull();
    }

    private void Play(int seconds, int sent, int again, int ofSyns)
    {
        for (int second = 0; second <= seconds; second += 5)
        {
            bench.Count("OutSegs", Part(sent)).Count("RetransSegs", Part(again)).Count("TCPSynRetrans", Part(ofSyns)).Count("TCPTimeouts", Part(again / 10));
            if (second < seconds)
            {
                bench.Look();
                bench.Pass(TimeSpan.FromSeconds(5));
            }

            ulong Part(int whole) => (ulong)((long)whole * second / seconds);
        }
    }
}
