using System.Net;
using ConnExporter.Kernel;

namespace ConnExporter.Tests.Kernel;

public class InetAddressTests
{
    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("127.0.0.1")]
    [InlineData("192.0.2.1")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("2001:db8::1")]
    [InlineData("2001:db8:0:1:1:1:1:1")]
    [InlineData("fe80::1234:5678:9abc:def0")]
    public void The_text_is_the_usual_one(string text) => Read(text).ToString().ShouldBe(text);

    [Fact]
    public void An_IPv4_address_is_the_same_whether_mapped_or_not()
    {
        InetAddress mapped = Read("::ffff:192.0.2.1");

        mapped.ShouldBe(Read("192.0.2.1"));
        mapped.IsV4.ShouldBeTrue();
        mapped.ToString().ShouldBe("192.0.2.1");
    }

    [Fact]
    public void Any_address_differs_between_the_families() => Read("::").ShouldNotBe(Read("0.0.0.0"));

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.255.255.254", true)]
    [InlineData("::ffff:127.0.0.1", true)]
    [InlineData("::1", true)]
    [InlineData("128.0.0.1", false)]
    [InlineData("126.255.255.255", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("::", false)]
    [InlineData("::2", false)]
    [InlineData("2001:db8::1", false)]
    [InlineData("::127.0.0.1", false)]
    public void Loopback_is_127_and_one(string address, bool expected) => Read(address).IsLoopback.ShouldBe(expected);

    [Theory]
    [InlineData("192.0.2.1", true)]
    [InlineData("0.0.0.0", true)]
    [InlineData("::", false)]
    [InlineData("::1", false)]
    [InlineData("::192.0.2.1", false)]
    [InlineData("2001:db8::ffff:c000:201", false)]
    public void Only_mapped_addresses_are_IPv4(string address, bool expected) => Read(address).IsV4.ShouldBe(expected);

    private static InetAddress Read(string text)
    {
        byte[] bytes = IPAddress.Parse(text).GetAddressBytes();
        return bytes.Length == 4 ? InetAddress.ReadV4(bytes) : InetAddress.ReadV6(bytes);
    }

    [Theory]
    [InlineData("203.0.113.77", 96 + 24, "203.0.113.0")]
    [InlineData("203.0.113.77", 96 + 32, "203.0.113.77")]
    [InlineData("203.0.113.77", 96 + 8, "203.0.0.0")]
    [InlineData("2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::")]
    [InlineData("2001:db8:1:2:3:4:5:6", 48, "2001:db8:1::")]
    [InlineData("2001:db8:1:2:3:4:5:6", 112, "2001:db8:1:2:3:4:5:0")]
    [InlineData("2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6")]
    public void A_mask_keeps_the_leading_bits(string address, int bits, string masked)
    {
        byte[] bytes = System.Net.IPAddress.Parse(address).MapToIPv6().GetAddressBytes();

        InetAddress.ReadV6(bytes).Mask(bits).ToString().ShouldBe(masked);
    }
}
