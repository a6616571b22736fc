namespace ConnExporter.Kernel;

/// <summary>The library that TLS needs of the host.</summary>
public static class TlsLibrary
{
    /// <summary>Whether OpenSSL can be loaded. To be asked before anything of System.Security.Cryptography is touched.</summary>
    public static bool IsThere => LibC.HasOpenSsl();
}
