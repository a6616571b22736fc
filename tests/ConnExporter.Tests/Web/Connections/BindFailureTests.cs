using System.Net;
using System.Net.Sockets;
using ConnExporter.Kernel.Proc;
using ConnExporter.Web.Connections;

namespace ConnExporter.Tests.Web.Connections;

public sealed class BindFailureTests
{
    private static readonly BindFailure Failure = new(new ProcFs(), Serilog.Core.Logger.None);

    [Fact]
    public void A_link_local_address_needs_its_interface() =>
        Of(SocketError.InvalidArgument, "[fe80::1]:1").ShouldEndWith(": a link-local address needs the interface that it is of, such as [fe80::1%eth0]:1");

    [Theory]
    [InlineData("[fe80::1%1]:1")]
    [InlineData("127.0.0.1:1")]
    public void Any_other_that_is_invalid_is_said_as_the_kernel_says_it(string address) => Of(SocketError.InvalidArgument, address).ShouldEndWith("Invalid argument");

    [Theory]
    [InlineData("127.0.0.1:1", "[::]:1", ":1")]
    [InlineData("[::]:1", "127.0.0.1:1", "127.0.0.1:1")]
    [InlineData("0.0.0.0:1", "127.0.0.1:1", "127.0.0.1:1")]
    [InlineData("127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:1")]
    public void Where_one_of_our_own_is_in_the_way_it_is_named(string asked, string bound, string name)
    {
        string complaint = Of(SocketError.AddressAlreadyInUse, asked, bound);

        complaint.ShouldEndWith($"this daemon listens on {name} already, which takes the same port; leave one of them out");
        complaint.ShouldNotContain("ss -tanp");
    }

    [Theory]
    [InlineData("127.0.0.1:1", "127.0.0.1:2")]
    [InlineData("127.0.0.1:1", "127.0.0.2:1")]
    [InlineData("127.0.0.1:1", null)]
    public void Where_none_is_it_says_how_to_find_what_is(string asked, string? bound) => Of(SocketError.AddressAlreadyInUse, asked, bound).ShouldContain("'ss -tanp sport = :1'");

    private static string Of(SocketError error, string asked, string? bound = null) =>
        Failure.Of(IPEndPoint.Parse(asked), new SocketException((int)error), bound is null ? [] : [IPEndPoint.Parse(bound)]).Message;
}
