using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using ConnExporter.Kernel;

namespace ConnExporter.Web.Access;

/// <summary>
/// A handshake of this process with itself. What is too weak for the TLS library, of a curve that it does not offer, or without a common cipher is refused in a handshake
/// only; then it is too late.
/// </summary>
internal static class HandshakeTrial
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>Tries it, with a client that takes every certificate and has none.</summary>
    /// <param name="options">What is served; that certificates are asked of clients is passed over.</param>
    /// <returns>Why the TLS library refuses it, in its words; null where it does not, or where that could not be tried: a machine without descriptors or time is no fault of the certificate.</returns>
    public static string? Failure(SslServerAuthenticationOptions options) => FailureAsync(options).GetAwaiter().GetResult();

    private static async Task<string?> FailureAsync(SslServerAuthenticationOptions options)
    {
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            (Socket server, Socket client) = SocketPair.Connect();
            await using var served = new SslStream(new NetworkStream(server, ownsSocket: true));

            // Whether it can be used at all is the question, not whom it names or who signed it.
#pragma warning disable MA0039, CA5359
            await using var asked = new SslStream(new NetworkStream(client, ownsSocket: true), leaveInnerStreamOpen: false, (_, _, _, _) => true);
#pragma warning restore MA0039, CA5359
            Exception?[] ends = await Task.WhenAll(
                EndAsync(served, served.AuthenticateAsServerAsync(ForServer(options), patience.Token)),
                EndAsync(asked, asked.AuthenticateAsClientAsync(ForClient(options), patience.Token)));

            // Only the library's own word is a verdict; who was turned away by the other sees a connection that ended, and so does who had no time.
            return ends.OfType<AuthenticationException>().FirstOrDefault() is { } failure ? Innermost(failure) : null;
        }
        catch (SocketException)
        {
            return null;
        }
    }

    /// <summary>What the TLS library itself has to say is the cause of causes.</summary>
    /// <param name="failure">What ended a handshake.</param>
    internal static string Innermost(Exception failure) => failure.InnerException is { Message.Length: > 0 } cause ? Innermost(cause) : failure.Message;

    private static SslServerAuthenticationOptions ForServer(SslServerAuthenticationOptions options) => new()
    {
        ServerCertificateContext = options.ServerCertificateContext,
        EnabledSslProtocols = options.EnabledSslProtocols,
        CipherSuitesPolicy = options.CipherSuitesPolicy,
        CertificateRevocationCheckMode = options.CertificateRevocationCheckMode,
    };

    private static SslClientAuthenticationOptions ForClient(SslServerAuthenticationOptions options) => new()
    {
        TargetHost = "localhost",
        EnabledSslProtocols = options.EnabledSslProtocols,
        CipherSuitesPolicy = options.CipherSuitesPolicy,
        CertificateRevocationCheckMode = options.CertificateRevocationCheckMode,
    };

    // Who has got through stays until the other has, too; who has not lets the other go.
    private static async Task<Exception?> EndAsync(SslStream end, Task handshake)
    {
        try
        {
            await handshake;
            return null;
        }
        catch (Exception e) when (e is AuthenticationException or IOException or OperationCanceledException)
        {
            await end.DisposeAsync();
            return e;
        }
    }
}
