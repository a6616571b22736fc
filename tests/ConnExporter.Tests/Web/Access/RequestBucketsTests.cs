using System.Net;
using ConnExporter.Kernel;
using ConnExporter.Tests.Support;
using ConnExporter.Web.Access;
using ConnExporter.Web.Connections;

namespace ConnExporter.Tests.Web.Access;

public class RequestBucketsTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private readonly ManualTime time = new();

    [Fact]
    public void A_bucket_empties_and_fills_again_one_by_one()
    {
        var buckets = new RequestBuckets(2 * Second, 3, 100, time);
        InetAddress client = Client("192.0.2.1");

        Take(buckets, client, 10).ShouldBe(3);
        buckets.TryTake(client, out TimeSpan wait).ShouldBeFalse();
        wait.ShouldBe(2 * Second);
        time.Advance(Second);
        buckets.TryTake(client, out wait).ShouldBeFalse();
        wait.ShouldBe(Second);
        time.Advance(Second);
        Take(buckets, client, 10).ShouldBe(1);
        time.Advance(1000 * Second);
        Take(buckets, client, 10).ShouldBe(3, "no more than it holds");
    }

    [Fact]
    public void Each_client_has_its_own_and_gets_back_what_it_returns()
    {
        var buckets = new RequestBuckets(Second, 1, 100, time);

        Take(buckets, Client("192.0.2.1"), 5).ShouldBe(1);
        Take(buckets, Client("192.0.2.2"), 5).ShouldBe(1);
        buckets.IsFull(Client("192.0.2.2")).ShouldBeFalse();
        buckets.Return(Client("192.0.2.2"));
        buckets.IsFull(Client("192.0.2.2")).ShouldBeTrue();
        Take(buckets, Client("192.0.2.1"), 5).ShouldBe(0);
    }

    [Fact]
    public void Strangers_without_number_make_neither_it_grow_nor_the_newest_forgotten()
    {
        const int Bound = 64;
        var buckets = new RequestBuckets(1000 * Second, 1, Bound, time);
        for (int i = 0; i < 10_000; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(1));
            buckets.TryTake(new InetAddress(0x2001, (ulong)i), out _).ShouldBeTrue();
        }

        int known = Enumerable.Range(0, 10_000).Count(i => !buckets.IsFull(new InetAddress(0x2001, (ulong)i)));
        known.ShouldBeInRange(Bound / 2, Bound);
        buckets.IsFull(new InetAddress(0x2001, 9_999)).ShouldBeFalse();
    }

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    public void A_client_is_an_address_or_a_64(string one, string other, bool same) => (Client(one) == Client(other)).ShouldBe(same);

    [Fact]
    public void A_unix_socket_is_one_client() => ClientKey.Of(null).ShouldBe(default);

    private static InetAddress Client(string address) => ClientKey.Of(IPAddress.Parse(address));

    private static int Take(RequestBuckets buckets, InetAddress client, int times) => Enumerable.Range(0, times).Count(_ => buckets.TryTake(client, out TimeSpan _));
}
