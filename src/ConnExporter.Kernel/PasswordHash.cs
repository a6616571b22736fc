using System.Runtime.InteropServices;
using System.Text;

namespace ConnExporter.Kernel;

/// <summary>bcrypt by crypt_r(3) of the system's libcrypt. For one thread at a time: it keeps the scratch memory that crypt_r asks for.</summary>
/// <remarks>No package has it, and OpenSSL neither; libcrypt comes with the base of nearly every distribution, for logins.</remarks>
public sealed unsafe class PasswordHash : IDisposable
{
    // struct crypt_data: 32,768 bytes in libxcrypt, 131,232 in the older one of glibc.
    private const int ScratchSize = 160 * 1024;
    private const int LongestHash = 128;

    // A published vector (crypt_blowfish): what cannot reproduce it has no bcrypt.
    private const string KnownSalt = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.";
    private const string KnownHash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    private readonly delegate* unmanaged<byte*, byte*, byte*, byte*> crypt;
    private readonly byte* scratch;
    private bool disposed;

    /// <summary>Finds the library and proves that it has bcrypt.</summary>
    /// <exception cref="NotSupportedException">There is no libcrypt, or an old one without bcrypt; the message says what to install.</exception>
    public PasswordHash()
    {
        crypt = LibC.FindCrypt();
        if (crypt is null)
        {
            throw new NotSupportedException("passwords need libcrypt.so.1 or libcrypt.so.2, which is not on this host (Debian and Ubuntu: libcrypt1; Fedora and RHEL: libxcrypt)");
        }

        scratch = (byte*)NativeMemory.AllocZeroed(ScratchSize);
        if (Compute("U*U"u8, KnownSalt) != KnownHash)
        {
            Dispose();
            throw new NotSupportedException("passwords need bcrypt, which the libcrypt of this host does not have (install libxcrypt 4 or newer)");
        }
    }

    /// <summary>Hashes a password with the salt and cost of a hash.</summary>
    /// <param name="password">UTF-8; must not hold a NUL byte, where C would end it.</param>
    /// <param name="setting">A bcrypt hash, or its beginning: version, cost and salt.</param>
    /// <returns>The hash; null where the library refuses the setting.</returns>
    public string? Compute(ReadOnlySpan<byte> password, string setting)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        byte[] phrase = new byte[password.Length + 1];
        password.CopyTo(phrase);
        byte[] salt = [.. Encoding.ASCII.GetBytes(setting), 0];
        try
        {
            fixed (byte* p = phrase, s = salt)
            {
                byte* hash = crypt(p, s, scratch);

                // A failure is null or a text that begins with '*'.
                return hash is null || *hash == '*' ? null : Encoding.ASCII.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(hash)[..LongestOf(hash)]);
            }
        }
        finally
        {
            Array.Clear(phrase);
            NativeMemory.Clear(scratch, ScratchSize);
        }
    }

    /// <summary>Frees the scratch memory.</summary>
    public void Dispose()
    {
        if (!disposed)
        {
            disposed = true;
            NativeMemory.Free(scratch);
        }
    }

    private static int LongestOf(byte* hash) => Math.Min(LongestHash, MemoryMarshal.CreateReadOnlySpanFromNullTerminated(hash).Length);
}
