using ConnExporter.Hosting;
using ConnExporter.Terminal;

namespace ConnExporter.Tests.Terminal;

public sealed class StandardStreamTests
{
    [Fact]
    public void A_failure_is_handed_on_with_the_text_of_the_kernel()
    {
        using var stream = new StandardStream(() => new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0), e => throw new OutputException(e));

        OutputException failure = Should.Throw<OutputException>(() => stream.Write("x"u8));

        failure.Message.ShouldStartWith("cannot write the output: No space left on device");
        LastWords.Of(failure).ShouldBe(failure.Message);
    }

    [Fact]
    public void What_cannot_be_opened_is_a_failure_too()
    {
        int failures = 0;
        using var stream = new StandardStream(() => throw new IOException("Bad file descriptor"), _ => failures++);

        stream.Write("x"u8);

        failures.ShouldBe(1);
    }

    [Fact]
    public void It_opens_nothing_before_it_is_written_to()
    {
        int opened = 0;
        using var written = new MemoryStream();
        using var stream = new StandardStream(
            () =>
            {
                opened++;
                return written;
            },
            e => throw e);

        stream.Flush();
        opened.ShouldBe(0);
        stream.Write("ab"u8);
        stream.Write("c"u8);
        opened.ShouldBe(1);
        written.ToArray().ShouldBe("abc"u8.ToArray());
    }
}
