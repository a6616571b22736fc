namespace ConnExporter.Kernel;

/// <summary>Descriptors of files that several read: one for each file, closed with its last reader. For any thread.</summary>
/// <remarks>
/// Collectors keep their files open, and a dozen sysctls are read by two of them. pread(2) has no place in the file that they could take from each other.
/// What is opened is opened outside of the lock: a file that the kernel never opens holds up nobody but who wanted it.
/// </remarks>
internal sealed class SharedDescriptors
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Shared> byPath = new(StringComparer.Ordinal);

    /// <summary>The descriptor of a file, opened where nobody has it open.</summary>
    /// <param name="path">The full path.</param>
    /// <param name="open">Opens it.</param>
    public Shared Take(string path, Func<DescriptorHandle> open)
    {
        if (Join(path) is { } known)
        {
            return known;
        }

        DescriptorHandle own = open();
        lock (gate)
        {
            if (!byPath.TryGetValue(path, out Shared? shared))
            {
                shared = new Shared(path, own) { Readers = 1 };
                byPath.Add(path, shared);
                return shared;
            }

            shared.Readers++;
            own.Dispose();
            return shared;
        }
    }

    /// <summary>A reader leaves it.</summary>
    /// <param name="shared">From <see cref="Take"/>.</param>
    /// <param name="failed">Whether a read failed: then nobody joins it any more, and the next reader opens the file anew.</param>
    public void Leave(Shared shared, bool failed)
    {
        lock (gate)
        {
            shared.Readers--;
            shared.HasFailed |= failed;
            if ((failed || shared.Readers == 0) && byPath.TryGetValue(shared.Path, out Shared? known) && ReferenceEquals(known, shared))
            {
                byPath.Remove(shared.Path);
            }

            if (shared.Readers == 0)
            {
                shared.Handle.Dispose();
            }
        }
    }

    private Shared? Join(string path)
    {
        lock (gate)
        {
            if (byPath.TryGetValue(path, out Shared? shared))
            {
                shared.Readers++;
            }

            return shared;
        }
    }

    /// <summary>One of them.</summary>
    internal sealed class Shared(string path, DescriptorHandle handle)
    {
        private bool hasFailed;

        public string Path { get; } = path;

        public DescriptorHandle Handle { get; } = handle;

        public int Readers { get; set; }

        /// <summary>Whether a read of it has failed: who still has it takes the new one at its next read, so that there is one again.</summary>
        public bool HasFailed
        {
            get => Volatile.Read(ref hasFailed);
            set => Volatile.Write(ref hasFailed, value);
        }
    }
}
