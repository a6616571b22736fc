using ConnExporter.Kernel;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel;

public class KernelReadExceptionTests
{
    [Theory]
    [InlineData(2, FailureKind.Absent, "absent")]
    [InlineData(19, FailureKind.Absent, "absent")]
    [InlineData(20, FailureKind.Absent, "absent")]
    [InlineData(1, FailureKind.Denied, "denied")]
    [InlineData(13, FailureKind.Denied, "denied")]
    [InlineData(5, FailureKind.Broken, "errno")]
    [InlineData(12, FailureKind.Broken, "errno")]
    [InlineData(22, FailureKind.Broken, "errno")]
    [InlineData(24, FailureKind.Broken, "errno")]
    [InlineData(105, FailureKind.Broken, "errno")]
    [InlineData(int.MinValue, FailureKind.Broken, "errno")]
    public void An_errno_tells_what_the_failure_means(int errno, FailureKind kind, string reason) =>
        ShouldBe(kind, reason, () => throw KernelReadException.FromErrno("/proc/net/snmp", errno), "/proc/net/snmp: ", $"(errno {errno})");

    [Fact]
    public void A_parse_error_says_where_what_was_expected_and_what_was_found() =>
        KernelReadException.Parse("/proc/net/snmp", "a number", "N/A"u8).Message.ShouldBe("/proc/net/snmp: expected a number, found 'N/A'");

    [Fact]
    public void Bytes_that_are_no_printable_text_are_written_as_numbers() =>
        KernelReadException.Parse("x", "y", [0x00, (byte)'a', 0x0a, 0x1b, 0x7f, 0xff]).Message.ShouldEndWith(@"found '\x00a\x0a\x1b\x7f\xff'");

    [Fact]
    public void A_quotation_is_cut_after_80_bytes()
    {
        KernelReadException.Parse("x", "y", new byte[80].Select(_ => (byte)'z').ToArray()).Message.ShouldEndWith(new string('z', 80) + "'");
        KernelReadException.Parse("x", "y", new byte[1_000_000].Select(_ => (byte)'z').ToArray()).Message.ShouldEndWith(new string('z', 80) + "…'");
    }

    [Fact]
    public void Every_reason_is_one_of_the_set_that_labels_a_counter()
    {
        KernelReadException[] failures =
        [
            KernelReadException.Parse("x", "y", []), KernelReadException.Protocol("x"), KernelReadException.FromErrno("x", 5), KernelReadException.FromErrno("x", 13),
        ];

        failures.ShouldAllBe(failure => KernelReadException.Reasons.Contains(failure.Reason));
    }
}
