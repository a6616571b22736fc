using ConnExporter.Configuration;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Sampling;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public class CollectorListTests
{
    public static TheoryData<string> Names => [.. CollectorList.All.Select(entry => entry.Name)];

    [Fact]
    public void Names_are_unique_and_look_alike()
    {
        CollectorList.All.Select(entry => entry.Name).ShouldBeUnique();
        CollectorList.All.ShouldAllBe(entry => entry.Name.All(char.IsAsciiLetterLower));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Default_intervals_are_allowed_ones(string name) =>
        CollectorList.All.Single(entry => entry.Name == name).DefaultInterval.ShouldBeInRange(Values.ShortestInterval, Values.LongestInterval);

    [Theory]
    [MemberData(nameof(Names))]
    public void The_readme_says_how_often_it_reads(string name) =>
        File.ReadAllText(Fixture.PathOf("..", "..", "..", "README.md")).ShouldContain($"| `{name}` | {CollectorList.All.Single(entry => entry.Name == name).DefaultInterval.TotalSeconds} s |");

    [Theory]
    [MemberData(nameof(Names))]
    public void Making_and_closing_a_collector_touches_nothing(string name)
    {
        using var sockDiag = new FakeSockDiag();

        using (Collector collector = CollectorList.All.Single(entry => entry.Name == name).Create(sockDiag.Kernel("/nonexistent"), SamplingBench.Options([])))
        {
            collector.ShouldNotBeNull();
        }

        sockDiag.Opened.ShouldBe(0);
    }
}
