using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>Clients that know how to show who they are.</summary>
internal static class SecureClient
{
    /// <summary>A client that trusts one authority only.</summary>
    public static HttpClient New(Uri address, X509Certificate2 authority, X509Certificate2? own = null, SslProtocols versions = SslProtocols.None)
    {
        var options = new SslClientAuthenticationOptions
        {
            EnabledSslProtocols = versions,
            CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, CustomTrustStore = { authority } },
        };
        if (own is not null)
        {
            options.ClientCertificates = [own];
            options.LocalCertificateSelectionCallback = (_, _, _, _, _) => own;
        }

        return new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, SslOptions = options }) { BaseAddress = new UriBuilder(address) { Host = "localhost" }.Uri, Timeout = TimeSpan.FromSeconds(10) };
    }

    /// <summary>Makes a client of a user.</summary>
    public static HttpClient As(this HttpClient client, string user, string password)
    {
        client.DefaultRequestHeaders.Authorization = Basic(user, password);
        return client;
    }

    public static AuthenticationHeaderValue Basic(string user, string password) => new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));

    /// <summary>A client on a Unix domain socket.</summary>
    public static HttpClient OnUnixSocket(string path) => new(new SocketsHttpHandler
    {
        UseProxy = false,
        ConnectCallback = async (_, end) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), end);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    { BaseAddress = new Uri("http://localhost") };

    /// <summary>The status of an answer; null where the handshake, or the connection, failed.</summary>
    public static async Task<HttpStatusCode?> StatusAsync(this HttpClient client, string path)
    {
        try
        {
            using HttpResponseMessage answer = await client.GetAsync(path);
            return answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
