namespace ConnExporter.Web.Access;

/// <summary>A TLS handshake that is under way on a connection. The server's log and the check of certificates each know a part of why it fails, and neither which one it is.</summary>
/// <param name="client">Whose, for the log.</param>
/// <param name="isOfInterest">Whether a failure is to be told: our own warm-up, and what we closed ourselves, is not.</param>
internal sealed class Handshake(string client, Func<bool> isOfInterest)
{
    private static readonly AsyncLocal<Handshake?> UnderWay = new();

    /// <summary>That of the connection on which the caller is at work; null outside of any.</summary>
    public static Handshake? Current => UnderWay.Value;

    public string Client { get; } = client;

    public bool IsOfInterest => isOfInterest();

    /// <summary>Whether the client has begun to speak TLS.</summary>
    public bool HasBegun { get; set; }

    /// <summary>Why we refused it; null where we did not.</summary>
    public string? Refusal { get; private set; }

    /// <summary>Makes it that of everything which the caller goes on to do, until it ends.</summary>
    public void Begin() => UnderWay.Value = this;

    /// <summary>The client of the current one is turned away.</summary>
    /// <param name="why">Goes on from the word "it" or "its".</param>
    /// <returns>False, always.</returns>
    public static bool Refused(string why)
    {
        if (Current is { } handshake)
        {
            handshake.Refusal = why;
        }

        return false;
    }
}
