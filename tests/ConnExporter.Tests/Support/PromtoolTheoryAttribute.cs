namespace ConnExporter.Tests.Support;

/// <summary>A theory that needs promtool, which the package prometheus brings.</summary>
internal sealed class PromtoolTheoryAttribute : TheoryAttribute
{
    public PromtoolTheoryAttribute()
    {
        string[] places = Environment.GetEnvironmentVariable("PATH")?.Split(':') ?? [];
        if (!places.Any(place => File.Exists(Path.Join(place, "promtool"))))
        {
            Skip = "promtool is not installed (Debian package prometheus)";
        }
    }
}
