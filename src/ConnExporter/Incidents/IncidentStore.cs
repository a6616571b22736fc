using System.Text.Json;

namespace ConnExporter.Incidents;

/// <summary>Records on disk: written whole or not at all, bounded in number and bytes, the oldest out first.</summary>
internal sealed class IncidentStore
{
    /// <summary>The version of the format; what is added does not change it.</summary>
    public const int Format = 1;

    private const string Unfinished = ".unfinished";

    // A record has some 100 kB; whoever puts something else there shall not fill our memory.
    private const long MostBytes = 64 << 20;

    public IncidentStore(string directory) => Directory = directory;

    /// <summary>The directory.</summary>
    public string Directory { get; }

    /// <summary>Every record, the oldest first.</summary>
    /// <returns>None where there is no such directory.</returns>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public IReadOnlyList<IncidentRecord> List()
    {
        var directory = new DirectoryInfo(Directory);
        if (!directory.Exists)
        {
            return [];
        }

        return
        [
            .. directory.EnumerateFiles()
                .Select(file => IncidentRecord.Parse(file.Name) is { } record ? record with { Bytes = file.Exists ? file.Length : 0, WrittenAt = new DateTimeOffset(file.LastWriteTimeUtc, TimeSpan.Zero) } : null)
                .OfType<IncidentRecord>()
                .OrderBy(record => record.Incident, StringComparer.Ordinal).ThenBy(record => record.Number),
        ];
    }

    /// <summary>Reads a record.</summary>
    /// <param name="record">Which.</param>
    /// <param name="use">Takes from it what is wanted.</param>
    /// <exception cref="IncidentException">It is not there, cut off, of a newer version, or lacks what is wanted; the message says which.</exception>
    public T Read<T>(IncidentRecord record, Func<JsonElement, T> use)
    {
        string path = Path.Join(Directory, record.FileName);
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.Length > MostBytes)
            {
                throw new IncidentException($"{path}: {file.Length} bytes are too many for a record");
            }

            return Understand(path, file, use);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IncidentException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Reads the content of a record.</summary>
    /// <param name="path">Its file, for messages.</param>
    /// <param name="content">The content.</param>
    /// <param name="use">Takes from it what is wanted.</param>
    /// <exception cref="IncidentException">It is cut off, of a newer version, or lacks what is wanted; the message says which.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal static T Understand<T>(string path, Stream content, Func<JsonElement, T> use)
    {
        try
        {
            using var document = JsonDocument.Parse(content);
            if (document.RootElement is not { ValueKind: JsonValueKind.Object } root || !root.TryGetProperty("format", out JsonElement format)
                || format.ValueKind != JsonValueKind.Number || !format.TryGetInt32(out int number))
            {
                throw new IncidentException($"{path}: no record of this program");
            }

            return number == Format
                ? use(root)
                : throw new IncidentException($"{path}: format {number}, this program reads {Format}: use the version of conn-exporter that wrote it, or a newer one");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new IncidentException($"{path}: cannot be understood: {e.Message}", e);
        }
    }

    /// <summary>Writes a record and makes room: it is there whole, or not at all.</summary>
    /// <param name="record">Its name.</param>
    /// <param name="content">Its content.</param>
    /// <param name="maxCount">Records that may be there afterwards.</param>
    /// <param name="maxBytes">Bytes that they may have; a record that has more alone is refused.</param>
    /// <exception cref="IOException">The disk is full, gone or read-only, or the record is too large.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public void Write(IncidentRecord record, ReadOnlySpan<byte> content, int maxCount, long maxBytes)
    {
        if (content.Length > maxBytes)
        {
            throw new IOException($"a record of {content.Length} bytes is larger than all records may be together ({maxBytes})");
        }

        System.IO.Directory.CreateDirectory(Directory);

        // Before, so that the bounds hold at every moment.
        MakeRoom(maxCount - 1, maxBytes - content.Length);
        string path = Path.Join(Directory, record.FileName);
        string unfinished = path + Unfinished;
        try
        {
            using (var file = new FileStream(unfinished, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }

            File.Move(unfinished, path, overwrite: true);
        }
        catch
        {
            TryDelete(unfinished);
            throw;
        }
    }

    /// <summary>Removes what a writer left that was killed in the middle.</summary>
    public void RemoveUnfinished()
    {
        if (System.IO.Directory.Exists(Directory))
        {
            foreach (string path in System.IO.Directory.EnumerateFiles(Directory, "*" + Unfinished))
            {
                TryDelete(path);
            }
        }
    }

    private void MakeRoom(int count, long bytes)
    {
        IReadOnlyList<IncidentRecord> records = List();
        long total = records.Sum(record => record.Bytes);
        for (int i = 0; i < records.Count && (records.Count - i > count || total > bytes); i++)
        {
            File.Delete(Path.Join(Directory, records[i].FileName));
            total -= records[i].Bytes;
        }
    }

    // Without it the next attempt would overwrite it; nothing is lost.
    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return;
        }
    }
}

/// <summary>A record that cannot be read; the message names it and says why.</summary>
internal sealed class IncidentException(string message, Exception? inner = null) : Exception(message, inner);
