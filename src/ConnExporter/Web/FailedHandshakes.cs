using System.Security.Authentication;
using ConnExporter.Web.Access;
using ConnExporter.Web.Connections;
using Microsoft.Extensions.Logging;

namespace ConnExporter.Web;

/// <summary>TLS handshakes that failed: each is counted, and each reason told once a minute. Kestrel tells of them nowhere but in its log, which is why this reads it.</summary>
internal sealed class FailedHandshakes : ILoggerProvider
{
    /// <summary>What of Kestrel's log is of interest; there it is of level Debug.</summary>
    public const string Category = "Microsoft.AspNetCore.Server.Kestrel.Https.Internal.HttpsConnectionMiddleware";

    // As many as there are is enough; strangers could bring about a few more.
    private const int ReasonBound = 16;
    private static readonly TimeSpan LogAfter = TimeSpan.FromMinutes(1);

    private readonly WebCounters counters;
    private readonly TimeProvider time;
    private readonly Serilog.ILogger log;
    private readonly Lock gate = new();
    private readonly Dictionary<string, (long ToldAt, ulong Untold)> reasons = new(StringComparer.Ordinal);

    public FailedHandshakes(WebCounters counters, TimeProvider time, Serilog.ILogger log)
    {
        this.counters = counters;
        this.time = time;
        this.log = log;
    }

    public ILogger CreateLogger(string categoryName) => new Listener(categoryName == Category ? this : null);

    public void Dispose()
    {
        // Holds nothing.
    }

    /// <summary>A handshake, the current one, has failed.</summary>
    /// <param name="failure">What ended it; null where the client took too long.</param>
    internal void Add(Exception? failure)
    {
        if (Handshake.Current is not { IsOfInterest: true } handshake)
        {
            return;
        }

        // Who said nothing until we closed is silent; who looks whether the port is open and goes is refused nothing.
        if (!handshake.HasBegun && failure is null or IOException)
        {
            if (failure is null)
            {
                counters.ConnectionsSilent.Add();
            }

            return;
        }

        counters.HandshakesFailed.Add();
        Tell(handshake.Client, handshake.Refusal ?? failure switch
        {
            null => "it took too long",
            AuthenticationException when !handshake.HasBegun => $"it does not speak TLS: {HandshakeTrial.Innermost(failure)}",
            _ => HandshakeTrial.Innermost(failure),
        });
    }

    private void Tell(string client, string reason)
    {
        ulong untold;
        lock (gate)
        {
            bool isKnown = reasons.TryGetValue(reason, out (long ToldAt, ulong Untold) last);
            if (isKnown ? time.GetElapsedTime(last.ToldAt) < LogAfter : reasons.Count >= ReasonBound && !ForgetOld())
            {
                if (isKnown)
                {
                    reasons[reason] = last with { Untold = last.Untold + 1 };
                }

                return;
            }

            untold = last.Untold;
            reasons[reason] = (time.GetTimestamp(), 0);
        }

        log.Warning("A client at {Client} did not get through the TLS handshake: {Reason}{Others}", client, reason, untold == 0 ? "" : $" (and {untold} more before it)");
    }

    private bool ForgetOld()
    {
        foreach ((string reason, _) in reasons.Where(entry => time.GetElapsedTime(entry.Value.ToldAt) >= LogAfter).ToArray())
        {
            reasons.Remove(reason);
        }

        return reasons.Count < ReasonBound;
    }

    private sealed class Listener(FailedHandshakes? failed) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => failed is not null;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Name is "AuthenticationFailed" or "AuthenticationTimedOut")
            {
                failed?.Add(exception);
            }
        }
    }
}
