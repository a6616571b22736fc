namespace ConnExporter.Tests.Support;

/// <summary>Tests that capture or fill the console, of which a process has but one: they run alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class TheConsole
{
    public const string Name = "console";
}
