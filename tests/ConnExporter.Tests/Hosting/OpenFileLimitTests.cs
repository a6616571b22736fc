using ConnExporter.Configuration;
using ConnExporter.Hosting;

namespace ConnExporter.Tests.Hosting;

public sealed class OpenFileLimitTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(200)]
    [InlineData(OpenFileLimit.Least - 1)]
    public void Too_low_a_limit_is_named_with_what_is_needed(ulong limit) =>
        Should.Throw<ConfigurationException>(() => OpenFileLimit.RefuseTooLow(limit)).Message
            .ShouldBe($"the limit of {limit} open files is too low: the daemon needs 256 at least (LimitNOFILE=, ulimit -n)");

    [Theory]
    [InlineData(OpenFileLimit.Least)]
    [InlineData(1024)]
    [InlineData(ulong.MaxValue)]
    public void Enough_is_enough(ulong limit) => Should.NotThrow(() => OpenFileLimit.RefuseTooLow(limit));
}
