using System.Collections.Immutable;
using System.Text;
using System.Text.Unicode;
using ConnExporter.Kernel;
using ConnExporter.Sampling.Counting;
using Serilog;

namespace ConnExporter.Web.Access;

/// <summary>How the check of a name and a password ended.</summary>
internal enum PasswordVerdict
{
    /// <summary>Right.</summary>
    Right,

    /// <summary>Wrong, or nobody of that name.</summary>
    Wrong,

    /// <summary>Not looked at: that client has guessed too often, or too many wait.</summary>
    TooMany,
}

/// <summary>
/// Checks passwords on one thread that gives way to all others. A password that was right is known from then on, at no cost; everything else
/// takes a token of its client before it is hashed, and names that nobody has take as long as the others.
/// </summary>
internal sealed class Passwords : IDisposable
{
    /// <summary>Guesses that a client has at once; then one each <see cref="GuessInterval"/>.</summary>
    public const int Guesses = 10;

    /// <summary>bcrypt looks at no more of a password.</summary>
    private const int LongestPassword = 72;
    private const int WaitingBound = 64;
    private const int ClientBound = 4096;
    private const int RestFactor = 3;

    /// <summary>A client's guesses come back one by one in this time.</summary>
    public static readonly TimeSpan GuessInterval = TimeSpan.FromSeconds(2);

    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly HashSeed seed = HashSeed.Random();
    private readonly RequestBuckets buckets;
    private readonly Thread thread;
    private readonly object gate = new();
    private readonly Queue<Check> fresh = [];
    private readonly Queue<Check> suspect = [];
    private volatile Known known = new(WebConfig.Empty.Users, [], []);
    private bool ended;

    /// <summary>Starts the thread.</summary>
    public Passwords(TimeProvider time, ILogger log)
    {
        this.time = time;
        this.log = log;
        buckets = new RequestBuckets(GuessInterval, Guesses, ClientBound, time);
        thread = new Thread(Run) { IsBackground = true, Name = "passwords" };
        thread.Start();
    }

    /// <summary>Passwords hashed so far.</summary>
    public long Hashed { get; private set; }

    /// <summary>Takes up another list of users. What was right stays known where the user's hash is the same.</summary>
    public void Use(ImmutableSortedDictionary<string, string> users)
    {
        lock (gate)
        {
            known = new Known(users, [.. users.Values], known.Right.RemoveRange(known.Right.Keys.Where(name => users.GetValueOrDefault(name) != known.Users[name])));
        }
    }

    /// <summary>Checks the value of an Authorization header.</summary>
    /// <param name="authorization">The header.</param>
    /// <param name="client">Who sent it.</param>
    public ValueTask<(PasswordVerdict Verdict, TimeSpan Wait)> CheckAsync(string? authorization, InetAddress client)
    {
        if (!TryRead(authorization, out string name, out byte[] password))
        {
            return new((PasswordVerdict.Wrong, TimeSpan.Zero));
        }

        Known now = known;
        if (now.Users.IsEmpty)
        {
            return new((PasswordVerdict.Wrong, TimeSpan.Zero));
        }

        if (now.Right.TryGetValue(name, out byte[]? right) && IsSame(right, password))
        {
            return new((PasswordVerdict.Right, TimeSpan.Zero));
        }

        bool isFresh = buckets.IsFull(client);
        if (!buckets.TryTake(client, out TimeSpan wait))
        {
            return new((PasswordVerdict.TooMany, wait));
        }

        // What makes hashes ends a password at a NUL, and takes text only; others are hashed as nothing, and never right.
        bool impossible = password.Contains((byte)0) || password.Length > LongestPassword || !Utf8.IsValid(password) || !now.Users.ContainsKey(name);
        string setting = impossible ? now.Decoy(name, seed) : now.Users[name];
        var check = new Check(name, password, setting, impossible, client);
        lock (gate)
        {
            Queue<Check> queue = isFresh ? fresh : suspect;
            if (queue.Count >= WaitingBound || ended)
            {
                buckets.Return(client);
                return new((PasswordVerdict.TooMany, GuessInterval));
            }

            queue.Enqueue(check);
            Monitor.Pulse(gate);
        }

        return new(AwaitAsync(check));
    }

    public void Dispose()
    {
        lock (gate)
        {
            ended = true;
            Monitor.Pulse(gate);
        }
    }

    private static async Task<(PasswordVerdict, TimeSpan)> AwaitAsync(Check check) => (await check.Done.Task ? PasswordVerdict.Right : PasswordVerdict.Wrong, TimeSpan.Zero);

    /// <summary>Reads the value of an Authorization header (RFC 7617).</summary>
    /// <returns>False for anything but name and password.</returns>
    internal static bool TryRead(string? authorization, out string name, out byte[] password)
    {
        const string Scheme = "Basic ";
        name = "";
        password = [];
        if (authorization is null || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        byte[] pair = new byte[authorization.Length];
        if (!Convert.TryFromBase64Chars(authorization.AsSpan(Scheme.Length).Trim(), pair, out int length) || Array.IndexOf(pair, (byte)':', 0, length) is not (>= 0 and int colon))
        {
            return false;
        }

        name = Utf8Text.Of(pair.AsSpan(0, colon));
        password = pair[(colon + 1)..length];
        return true;
    }

    // As long for the first byte as for the last. Not by the framework's method, which is in the library that has OpenSSL behind it.
    private static bool IsSame(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> given)
    {
        int different = expected.Length ^ given.Length;
        for (int i = 0; i < given.Length; i++)
        {
            different |= given[i] ^ (expected.IsEmpty ? 1 : expected[i % expected.Length]);
        }

        return different == 0;
    }

    private void Run()
    {
        BackgroundThread.GiveWay();
        while (Next() is { } check)
        {
            TimeSpan before = ThreadClock.CpuTime();
            bool right = false;
            try
            {
                bool isSame = BCrypt.Net.BCrypt.Verify(check.Impossible ? "" : Encoding.UTF8.GetString(check.Password), check.Setting);
                right = isSame && !check.Impossible;
                Hashed++;
            }
            catch (BCrypt.Net.SaltParseException e)
            {
                // Hashes are looked at when the file is read. What passes there and not here must not end the process: nobody's password is right.
                log.Error("The hash of {User} cannot be used: {Reason}", check.Name, e.Message);
            }
            finally
            {
                if (right)
                {
                    Remember(check);
                }

                check.Done.SetResult(right);
            }

            if (!right)
            {
                Rest(RestFactor * (ThreadClock.CpuTime() - before));
            }
        }
    }

    private void Remember(Check check)
    {
        buckets.Return(check.Client);
        lock (gate)
        {
            // One for each user, and only where the list has not changed meanwhile: no stranger can fill this.
            if (known.Users.GetValueOrDefault(check.Name) == check.Setting)
            {
                known = known with { Right = known.Right.SetItem(check.Name, check.Password) };
            }
        }
    }

    // Guessing may take a quarter of a core; who has not guessed before need not wait for that.
    private void Rest(TimeSpan duration)
    {
        long start = time.GetTimestamp();
        lock (gate)
        {
            while (!ended && fresh.Count == 0 && duration - time.GetElapsedTime(start) is { } left && left > TimeSpan.Zero)
            {
                // Woken up without anything new, it goes on; otherwise the time is over.
                if (!Monitor.Wait(gate, left))
                {
                    return;
                }
            }
        }
    }

    private Check? Next()
    {
        lock (gate)
        {
            while (true)
            {
                if (ended)
                {
                    // Nobody waits for ever.
                    foreach (Check left in fresh.Concat(suspect))
                    {
                        left.Done.SetResult(false);
                    }

                    return null;
                }

                if (fresh.TryDequeue(out Check? check) || suspect.TryDequeue(out check))
                {
                    return check;
                }

                Monitor.Wait(gate);
            }
        }
    }

    private sealed record Check(string Name, byte[] Password, string Setting, bool Impossible, InetAddress Client)
    {
        public TaskCompletionSource<bool> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>The users, and the passwords that were right.</summary>
    private sealed record Known(ImmutableSortedDictionary<string, string> Users, ImmutableArray<string> Hashes, ImmutableDictionary<string, byte[]> Right)
    {
        /// <summary>Somebody's hash for a name that nobody has: always the same one, so that costs tell nothing where users' costs differ.</summary>
        public string Decoy(string name, HashSeed seed)
        {
            ulong mixed = 0;
            foreach (char c in name)
            {
                mixed = seed.Of(mixed, c);
            }

            return Hashes[(int)(seed.Of(mixed) % (ulong)Hashes.Length)];
        }
    }
}
