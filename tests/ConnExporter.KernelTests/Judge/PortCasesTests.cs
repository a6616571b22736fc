namespace ConnExporter.KernelTests.Judge;

/// <summary>
/// Ports that connect() cannot have, side by side: what is so, what nearly is, and what only looks like it. Each in a network namespace of its own, each
/// held against what the kernel gives.
/// </summary>
public class PortCasesTests
{
    private static readonly Dictionary<string, PortWorld> Worlds = new PortWorld[]
    {
        // So: EADDRNOTAVAIL, whatever the destination.
        new("bound first to ten destinations, live") { Ports = 40, Destinations = 10, Groups = [new(Opening.BindFirst, 80, Spread: 10)] },
        new("bound first to ten destinations, in TIME_WAIT") { Ports = 40, Destinations = 10, Groups = [new(Opening.BindFirst, 80, Spread: 10, Closed: true)] },
        new("bound first to one destination, in TIME_WAIT with timestamps") { Ports = 40, Reuse = 1, Groups = [new(Opening.BindFirst, 80, Closed: true)] },
        new("bound first over IPv6") { Family = Family.V6, Destinations = 4, Groups = [new(Opening.BindFirst, 40, Spread: 4)] },
        new("bound to any address by IPv4 through IPv6") { Family = Family.Mapped, Destinations = 3, Groups = [new(Opening.BindAny, 40, Spread: 3)] },
        new("bound with SO_REUSEADDR") { Destinations = 4, Groups = [new(Opening.ReuseAddress, 40, Spread: 4)] },
        new("bound with SO_REUSEPORT") { Destinations = 2, Groups = [new(Opening.ReusePort, 40, Spread: 2)] },

        // So: for one destination alone.
        new("connected, one destination") { Groups = [new(Opening.Plain, 40)] },
        new("in TIME_WAIT towards a peer without timestamps") { Place = Place.Peer, PeerTimestamps = false, Reuse = 1, Groups = [new(Opening.Plain, 18, Closed: true), new(Opening.Plain, 40)] },
        new("in TIME_WAIT that may not be taken over") { Reuse = 0, Groups = [new(Opening.Plain, 40, Closed: true)] },
        new("half bound, half connected") { Destinations = 5, Groups = [new(Opening.BindFirst, 10, Destination: 1, Spread: 4), new(Opening.Plain, 40)] },

        // Nearly so: ports are left.
        new("bound first, half of them") { Ports = 40, Destinations = 10, Groups = [new(Opening.BindFirst, 20, Spread: 10, Closed: true)] },
        new("bound first, all but four") { Ports = 40, Destinations = 10, Groups = [new(Opening.BindFirst, 36, Spread: 10)] },
        new("bound first and connected, all but five") { Ports = 40, Destinations = 5, Groups = [new(Opening.BindFirst, 20, Destination: 1, Spread: 4), new(Opening.Plain, 15)] },

        // A range of an odd number: connect() passes over one of its two ends.
        new("an odd range, in TIME_WAIT that may not be taken over, and bound") { First = 20001, Ports = 61, Reserved = 3, Place = Place.Peer, Reuse = 0, PeerTimestamps = false, Destinations = 2, Groups = [new(Opening.NoPort, 6, Closed: true), new(Opening.BindFirst, 50, Destination: 1), new(Opening.NoPort, 61, SecondSource: true)] },
        new("an odd range, most of it in TIME_WAIT without timestamps") { Ports = 43, Place = Place.Peer, Timestamps = false, PeerTimestamps = false, Destinations = 2, Groups = [new(Opening.BindAny, 6, Spread: 2), new(Opening.Plain, 40, Destination: 1, Closed: true)] },
        new("an odd range, connected and bound in TIME_WAIT") { Ports = 55, Reserved = 3, Reuse = 1, Destinations = 2, Groups = [new(Opening.Plain, 31), new(Opening.BindFirst, 45, Spread: 2, Closed: true)] },
        new("an odd range, chosen ports, connected and bound") { Ports = 47, Place = Place.Peer, Reuse = 1, PeerTimestamps = false, Destinations = 3, Groups = [new(Opening.ChosenPort, 3, Spread: 3), new(Opening.Plain, 94, Spread: 2), new(Opening.BindFirst, 94, Spread: 2, Closed: true)] },

        new("an odd range, bound but for one port") { First = 20001, Ports = 27, Reserved = 3, Reuse = 0, Groups = [new(Opening.BindAny, 26), new(Opening.Plain, 25, Closed: true)] },
        new("an odd range, bound without a connection but for one port") { First = 20001, Ports = 9, Timestamps = false, PeerTimestamps = false, Destinations = 3, Groups = [new(Opening.BoundOnly, 18, Destination: 1, Spread: 2)] },

        // More rows of one table than were once looked up: four destinations from two addresses.
        new("four destinations from two addresses") { First = 20001, Ports = 53, Family = Family.Mapped, Place = Place.Peer, Reuse = 1, PeerTimestamps = false, Destinations = 4, Groups = [new(Opening.BindFirst, 44, Spread: 4, Closed: true, SecondSource: true), new(Opening.Plain, 44, Spread: 4)] },

        // Only like it.
        new("in TIME_WAIT with timestamps, taken over") { Place = Place.Peer, Reuse = 1, Groups = [new(Opening.Plain, 19, Closed: true), new(Opening.Plain, 1)] },
        new("in TIME_WAIT on loopback, taken over") { Groups = [new(Opening.Plain, 20, Closed: true)] },
        new("connected to two destinations, each more than half") { Ports = 40, Destinations = 2, Groups = [new(Opening.Plain, 28), new(Opening.Plain, 28, Destination: 1)] },
        new("bound without a port") { Ports = 40, Destinations = 2, Groups = [new(Opening.NoPort, 28), new(Opening.NoPort, 28, Destination: 1)] },
    }.ToDictionary(world => world.Name);

    [KernelTheory("dotnet", "nsenter")]
    [InlineData("bound first to ten destinations, live")]
    [InlineData("bound first to ten destinations, in TIME_WAIT")]
    [InlineData("bound first to one destination, in TIME_WAIT with timestamps")]
    [InlineData("bound first over IPv6")]
    [InlineData("bound to any address by IPv4 through IPv6")]
    [InlineData("bound with SO_REUSEADDR")]
    [InlineData("bound with SO_REUSEPORT")]
    public void What_bind_took_is_gone_for_everybody(string world)
    {
        PortJudgement judgement = Judge(world);

        judgement.Anybody.ShouldBe(0, "what the kernel gives");
        judgement.Severity.ShouldBe("critical");
    }

    [KernelTheory("dotnet", "nsenter")]
    [InlineData("connected, one destination")]
    [InlineData("in TIME_WAIT towards a peer without timestamps")]
    [InlineData("in TIME_WAIT that may not be taken over")]
    [InlineData("half bound, half connected")]
    public void One_destination_has_no_port_left_and_others_have(string world)
    {
        PortJudgement judgement = Judge(world);

        judgement.Fewest.ShouldBe(0, "what the kernel gives");
        judgement.Anybody.ShouldBeGreaterThan(0);
        judgement.Severity.ShouldBe("critical");
    }

    [KernelTheory("dotnet", "nsenter")]
    [InlineData("bound first, half of them", null)]
    [InlineData("bound first, all but four", "warning")]
    [InlineData("bound first and connected, all but five", "warning")]
    public void What_bind_left_is_left(string world, string? severity)
    {
        PortJudgement judgement = Judge(world);

        judgement.Fewest.ShouldBeGreaterThan(0, "what the kernel gives");
        judgement.Severity.ShouldBe(severity);
    }

    [KernelTheory("dotnet", "nsenter")]
    [InlineData("in TIME_WAIT with timestamps, taken over")]
    [InlineData("in TIME_WAIT on loopback, taken over")]
    [InlineData("connected to two destinations, each more than half")]
    [InlineData("bound without a port")]
    public void What_only_looks_like_it_is_no_alarm(string world)
    {
        PortJudgement judgement = Judge(world);

        judgement.Fewest.ShouldBeGreaterThan(0, "what the kernel gives");
        (judgement.Severity is null or "info").ShouldBeTrue(judgement.Severity);
    }

    [KernelTheory("dotnet", "nsenter")]
    [InlineData("an odd range, in TIME_WAIT that may not be taken over, and bound")]
    [InlineData("an odd range, most of it in TIME_WAIT without timestamps")]
    [InlineData("an odd range, connected and bound in TIME_WAIT")]
    [InlineData("an odd range, chosen ports, connected and bound")]
    [InlineData("an odd range, bound but for one port")]
    [InlineData("an odd range, bound without a connection but for one port")]
    [InlineData("four destinations from two addresses")]
    public void Whether_a_destination_has_a_port_is_told_in_an_odd_range_too(string world) => Judge(world).Untold.ShouldBeEmpty();

    private static PortJudgement Judge(string world)
    {
        PortJudgement judgement = PortJudgement.Of(Worlds[world], Places.Program).Single();
        judgement.Faults.ShouldBeEmpty();
        return judgement;
    }
}
