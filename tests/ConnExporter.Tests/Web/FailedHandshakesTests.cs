using System.Security.Authentication;
using ConnExporter.Tests.Support;
using ConnExporter.Web;
using ConnExporter.Web.Access;
using ConnExporter.Web.Connections;
using Microsoft.Extensions.Logging;

namespace ConnExporter.Tests.Web;

public sealed class FailedHandshakesTests : IDisposable
{
    private readonly WebCounters counters = new();
    private readonly ManualTime time = new();
    private readonly LoggedLines logged = new();
    private readonly FailedHandshakes handshakes;

    public FailedHandshakesTests() => handshakes = new FailedHandshakes(counters, time, logged.Log);

    public void Dispose() => handshakes.Dispose();

    [Fact]
    public void Each_is_counted_and_each_reason_told_once_a_minute()
    {
        for (int i = 0; i < 3; i++)
        {
            Fail(new AuthenticationException("outer", new InvalidOperationException("no shared cipher")));
        }

        Fail(new AuthenticationException("of another kind"));
        counters.HandshakesFailed.Value.ShouldBe(4ul);
        logged.Take().ShouldBe(
        [
            "<4>A client at 192.0.2.1 did not get through the TLS handshake: no shared cipher",
            "<4>A client at 192.0.2.1 did not get through the TLS handshake: of another kind",
        ]);

        time.Advance(TimeSpan.FromMinutes(1));
        Fail(new AuthenticationException("no shared cipher"));
        logged.Take().ShouldBe(["<4>A client at 192.0.2.1 did not get through the TLS handshake: no shared cipher (and 2 more before it)"]);
    }

    [Fact]
    public void Our_own_reason_goes_before_that_of_the_library()
    {
        Fail(new AuthenticationException("rejected by the callback"), refusal: "it showed no certificate");

        logged.Take().ShouldHaveSingleItem().ShouldEndWith("handshake: it showed no certificate");
    }

    [Fact]
    public void Who_speaks_something_else_is_told_from_who_says_nothing()
    {
        Fail(new AuthenticationException("corrupted frame"), hasBegun: false);
        logged.Take().ShouldHaveSingleItem().ShouldEndWith("handshake: it does not speak TLS: corrupted frame");

        Fail(new IOException("end of file"), hasBegun: false);
        Fail(null, hasBegun: false);
        logged.Take().ShouldBeEmpty();
        (counters.HandshakesFailed.Value, counters.ConnectionsSilent.Value).ShouldBe((1ul, 1ul));

        Fail(null);
        Fail(new IOException("end of file"));
        logged.Take().Length.ShouldBe(2);
        counters.HandshakesFailed.Value.ShouldBe(3ul);
    }

    [Fact]
    public void Reasons_without_end_do_not_fill_the_log()
    {
        for (int i = 0; i < 1000; i++)
        {
            Fail(new AuthenticationException($"reason {i}"));
        }

        counters.HandshakesFailed.Value.ShouldBe(1000ul);
        logged.Take().Length.ShouldBe(16);

        time.Advance(TimeSpan.FromMinutes(1));
        Fail(new AuthenticationException("yet another"));
        logged.Take().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task What_we_closed_ourselves_and_what_is_no_handshake_do_not_count()
    {
        Fail(new AuthenticationException("x"), isOfInterest: false);
        Kestrel().Log(LogLevel.Debug, new EventId(1, "AuthenticationFailed"), "", new AuthenticationException("outside of any"), (_, _) => "");
        await Task.Run(() =>
        {
            new Handshake("192.0.2.1", () => true).Begin();
            Kestrel().Log(LogLevel.Debug, new EventId(3, "HttpsConnectionEstablished"), "", null, (_, _) => "");
            handshakes.CreateLogger("Another").Log(LogLevel.Debug, new EventId(1, "AuthenticationFailed"), "", null, (_, _) => "");
        });

        counters.HandshakesFailed.Value.ShouldBe(0ul);
        logged.Take().ShouldBeEmpty();
    }

    private ILogger Kestrel() => handshakes.CreateLogger(FailedHandshakes.Category);

    // Each on a connection of its own, as Kestrel has them.
    private void Fail(Exception? failure, bool hasBegun = true, string? refusal = null, bool isOfInterest = true) => Task.Run(() =>
    {
        new Handshake("192.0.2.1", () => isOfInterest) { HasBegun = hasBegun }.Begin();
        if (refusal is not null)
        {
            Handshake.Refused(refusal).ShouldBeFalse();
        }

        Kestrel().Log(LogLevel.Debug, new EventId(failure is null ? 2 : 1, failure is null ? "AuthenticationTimedOut" : "AuthenticationFailed"), "", failure, (_, _) => "");
    }).Wait();
}
