using ConnExporter.Kernel;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Netlink;

public sealed class NetlinkSocketTests : IDisposable
{
    private readonly FakeKernel kernel = new();

    public void Dispose() => kernel.Dispose();

    [Fact]
    public void A_request_arrives_as_it_was_sent()
    {
        kernel.Socket.Send([1, 2, 3, 4]);

        kernel.Received().ShouldBe([1, 2, 3, 4]);
    }

    [Fact]
    public void Each_receive_gives_one_datagram()
    {
        kernel.Answer(1, 2);
        kernel.Answer(3);

        kernel.Socket.Receive().ToArray().ShouldBe([1, 2]);
        kernel.Socket.Receive().ToArray().ShouldBe([3]);
    }

    [Fact]
    public void Sequence_numbers_start_at_1_and_rise()
    {
        kernel.Socket.NextSequence().ShouldBe(1u);
        kernel.Socket.NextSequence().ShouldBe(2u);
    }

    [Fact]
    public void A_datagram_of_32_KiB_fits()
    {
        kernel.Answer(new byte[32 * 1024]);

        kernel.Socket.Receive().Length.ShouldBe(32 * 1024);
    }

    [Fact]
    public void A_larger_one_is_refused_once_and_fits_the_next_time()
    {
        kernel.Answer(new byte[50_000]);
        kernel.Answer(new byte[50_000]);

        ShouldBe(FailureKind.Broken, "too_large", () => kernel.Socket.Receive(), "a datagram of 50000 bytes", "32768");
        kernel.Socket.Receive().Length.ShouldBe(50_000);
    }

    [Fact]
    public void Receiving_allocates_nothing()
    {
        kernel.Answer(new byte[1000]);
        kernel.Answer(new byte[1000]);
        kernel.Socket.Receive();

        long before = GC.GetAllocatedBytesForCurrentThread();
        kernel.Socket.Receive();

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Fact]
    public void A_kernel_that_does_not_answer_is_given_up()
    {
        kernel.Patience = TimeSpan.FromMilliseconds(50);

        ShouldBe(FailureKind.Broken, "errno", () => kernel.Socket.Receive(), "netlink receive", "errno 11");
    }

    [Fact]
    public void A_request_that_the_kernel_does_not_take_is_refused()
    {
        kernel.Vanish();

        ShouldBe(FailureKind.Broken, "errno", () => kernel.Socket.Send([1]), "netlink send", "errno 111");
    }
}
