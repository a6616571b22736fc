using System.Runtime.Versioning;
using ConnExporter.EndToEndTests.Support;

[assembly: SupportedOSPlatform("linux")]

// The tests mostly wait; more of them at a time would make the ones that measure time measure each other.
[assembly: CollectionBehavior(MaxParallelThreads = 3)]

namespace ConnExporter.EndToEndTests;

/// <summary>Tests that measure time, or take all the CPU there is: one at a time, after the others.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class OneAtATime : ICollectionFixture<PublishedProgram>
{
    public const string Name = "one at a time";
}
