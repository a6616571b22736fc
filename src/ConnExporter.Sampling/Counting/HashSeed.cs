using System.Numerics;
using System.Runtime.InteropServices;

namespace ConnExporter.Sampling.Counting;

/// <summary>A key that <see cref="BoundedCounts{TKey}"/> counts by.</summary>
/// <remarks>
/// The hash is asked for with a seed because GetHashCode will not do: that of a record struct, and even HashCode over a 64-bit field, folds
/// the field to 32 bits before any seed comes in, so that the owner of an IPv6 prefix can name as many colliding addresses as he likes.
/// </remarks>
/// <typeparam name="TSelf">The key type.</typeparam>
internal interface ICountKey<TSelf> : IEquatable<TSelf>
    where TSelf : struct, ICountKey<TSelf>
{
    /// <summary>64 well mixed bits: <c>seed.Of(…)</c> over all that makes two keys differ.</summary>
    /// <param name="seed">What a stranger who chooses keys does not know.</param>
    ulong Hash(in HashSeed seed);
}

/// <summary>Turns up to six words into 64 bits, by multiplications with folded 128-bit products (the construction of wyhash).</summary>
/// <remarks>Both halves are secret. With a public one, a word that equals it would make a product 0 whatever the other half.</remarks>
internal readonly struct HashSeed
{
    /// <summary>The same in every process: for an order that is arbitrary and yet repeatable, never for a table.</summary>
    public static readonly HashSeed Public = new(0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03);

    private readonly ulong first;
    private readonly ulong second;

    private HashSeed(ulong first, ulong second) => (this.first, this.second) = (first, second);

    /// <summary>A new seed from the system's random numbers.</summary>
    /// <remarks>
    /// By way of identifiers, which are random but for six bits and come from getrandom(2): the cryptographic generator would load OpenSSL and
    /// end the process on a host that has none.
    /// </remarks>
    public static HashSeed Random()
    {
        Span<byte> bytes = stackalloc byte[4 * sizeof(ulong)];
        Guid.NewGuid().TryWriteBytes(bytes);
        Guid.NewGuid().TryWriteBytes(bytes[(2 * sizeof(ulong))..]);
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);

        // The words of one are laid over the turned words of the other, so that no bit is one of the fixed ones alone.
        return new HashSeed(words[0] ^ BitOperations.RotateLeft(words[3], 32), words[1] ^ BitOperations.RotateLeft(words[2], 32));
    }

    /// <summary>Hash of one or two words.</summary>
    public ulong Of(ulong a, ulong b = 0) => Fold(a ^ first, b ^ second);

    /// <summary>Hash of three or four words.</summary>
    public ulong Of(ulong a, ulong b, ulong c, ulong d = 0) => Fold(c ^ first, d ^ Of(a, b));

    /// <summary>Hash of five or six words.</summary>
    public ulong Of(ulong a, ulong b, ulong c, ulong d, ulong e, ulong f = 0) => Fold(e ^ first, f ^ Of(a, b, c, d));

    private static ulong Fold(ulong left, ulong right)
    {
        ulong high = Math.BigMul(left, right, out ulong low);
        return high ^ low;
    }
}
