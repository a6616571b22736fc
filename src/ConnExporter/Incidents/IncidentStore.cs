using System.Text.Json;
using ConnExporter.Configuration;
using ConnExporter.Kernel;
using Microsoft.Win32.SafeHandles;

namespace ConnExporter.Incidents;

/// <summary>Records on disk: written whole or not at all, bounded in number and bytes, the oldest out first.</summary>
internal sealed class IncidentStore
{
    /// <summary>The version of the format; what is added does not change it.</summary>
    public const int Format = 1;

    private const string Unfinished = ".unfinished";
    private const string LockName = "lock";

    // Beyond it somebody else has given the file its name.
    private const int HighestSequence = 1_000_000_000;

    // A record has some 100 kB; whoever puts something else there shall not fill our memory.
    private const long MostBytes = 64 << 20;

    // Who fills the directory with names shall not fill our memory.
    private const int MostTold = 100;

    private readonly Action<string>? leftAlone;
    private readonly HashSet<string> told = [];

    /// <summary>The records of a directory.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="leftAlone">Is told once of each file that has a record's name and is not removed to make room, as it is no file of this user's.</param>
    public IncidentStore(string directory, Action<string>? leftAlone = null)
    {
        Directory = directory;
        this.leftAlone = leftAlone;
    }

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
            RefuseNoDirectory();
            return [];
        }

        return
        [
            .. directory.EnumerateFiles()
                .Select(file => IncidentRecord.Parse(file.Name) is { } record ? record with { Bytes = file.Exists ? file.Length : 0, WrittenAt = new DateTimeOffset(file.LastWriteTimeUtc, TimeSpan.Zero) } : null)
                .OfType<IncidentRecord>()
                .OrderBy(record => record.Sequence).ThenBy(record => record.Incident, StringComparer.Ordinal).ThenBy(record => record.Number),
        ];
    }

    /// <summary>Makes this process the one that notes which incident goes on.</summary>
    /// <returns>Null where another daemon is.</returns>
    /// <exception cref="IOException">That cannot be told: there is no such directory, or it cannot be written.</exception>
    public FileLock? Claim() => FileLock.TryTake(Path.Join(Directory, LockName));

    /// <summary>Refuses what is there and is no directory.</summary>
    /// <exception cref="IOException">It is none.</exception>
    public void RefuseNoDirectory()
    {
        if (RecorderOptions.InTheWay(Directory) is { } place)
        {
            throw new IOException(place == Directory ? "this is no directory" : $"{place} is no directory");
        }
    }

    /// <summary>The id for an incident that is about to be recorded: it comes after all that are there.</summary>
    /// <param name="began">When it began, by a clock that may have been set back.</param>
    /// <exception cref="IOException">The directory cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public string NewId(DateTimeOffset began) =>
        IncidentRecord.IdOf(began, List().Select(record => record.Sequence).Where(sequence => sequence < HighestSequence).DefaultIfEmpty(0).Max() + 1);

    /// <summary>Reads a record. Its texts and commands are shown to people who may act on them: one that somebody else could have written is not read.</summary>
    /// <param name="record">Which.</param>
    /// <param name="use">Takes from it what is wanted.</param>
    /// <exception cref="IncidentException">It is not there, a stranger's, no file, cut off, of a newer version, or lacks what is wanted; the message says which.</exception>
    public T Read<T>(IncidentRecord record, Func<JsonElement, T> use) => Read(record.FileName, use);

    /// <summary>The incident that went on when a daemon was last seen.</summary>
    /// <param name="boot">The kernel's <c>boot_id</c>.</param>
    /// <param name="now">The time of day.</param>
    /// <returns>Null where none did, or too long ago, or before a boot.</returns>
    /// <exception cref="IncidentException">What is there cannot be read, or is a stranger's.</exception>
    public OpenIncident? ReadOpen(string boot, DateTimeOffset now)
    {
        var file = new FileInfo(Path.Join(Directory, OpenIncident.FileName));
        if (FileOwner.Of(file.FullName) is { IsDirectory: true })
        {
            throw new IncidentException($"{file.FullName}: a directory is in its place");
        }

        if (!file.Exists || (now.UtcDateTime - file.LastWriteTimeUtc).Duration() > OpenIncident.Longest || Read(file.Name, root => OpenIncident.Parse(root, boot)) is not { } open)
        {
            return null;
        }

        // A daemon that was killed between a record and the note has used the next number.
        return open with { Number = List().Where(record => record.Incident == open.Incident).Select(record => record.Number).Append(open.Number).Max() };
    }

    /// <summary>Notes the incident that goes on. It is written whole or not at all, and does not wait for the disk: after a boot nobody asks for it.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public void WriteOpen(OpenIncident open, string boot)
    {
        string unfinished = PlaceOf(OpenIncident.FileName + Unfinished);
        string finished = PlaceOf(OpenIncident.FileName);

        // Made anew: a link that somebody puts there meanwhile is not written through.
        File.Delete(unfinished);
        using (var file = new FileStream(unfinished, FileMode.CreateNew, FileAccess.Write))
        {
            FileOwner.KeepOthersFromWriting(file.SafeFileHandle);
            using var json = new Utf8JsonWriter(file);
            open.Write(json, boot);
        }

        File.Move(unfinished, finished, overwrite: true);
    }

    /// <summary>No incident goes on any more.</summary>
    /// <exception cref="IOException">That cannot be noted.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be noted.</exception>
    public void RemoveOpen() => File.Delete(PlaceOf(OpenIncident.FileName));

    // Where nothing is, or a file of ours: whatever else is there is somebody else's, and neither removed nor replaced.
    private string PlaceOf(string fileName)
    {
        string path = Path.Join(Directory, fileName);
        return FileOwner.Of(path) switch
        {
            null => path,
            { IsDirectory: true } => throw new IOException($"{path}: a directory is in its place"),
            { IsRegularFile: false } other => throw new IOException($"{path}: {(other.IsLink ? "a symbolic link" : "something that is no file")} is in its place; it is left as it is"),
            { } file when file.User != FileOwner.Own => throw new IOException($"{path}: a file of uid {file.User} is in its place; it is left as it is"),
            _ => path,
        };
    }

    private T Read<T>(string fileName, Func<JsonElement, T> use)
    {
        string path = Path.Join(Directory, fileName);
        try
        {
            using SafeFileHandle handle = FileOwner.OpenRegular(path, out FileOwner owner);
            RefuseStrangers(path, owner);
            using var file = new FileStream(handle, FileAccess.Read);
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
    /// <exception cref="RecordExistsException">Another record of that incident has that number: another daemon writes here too.</exception>
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

        // Named by incident and number alone, and made by one only: who has it may look whether the number is free.
        string unfinished = Path.Join(Directory, $"{record.Incident}.{record.Number}{Unfinished}");
        using FileStream file = Reserve(unfinished);
        try
        {
            if (List().Any(other => other.Incident == record.Incident && other.Number == record.Number))
            {
                throw new RecordExistsException(record);
            }

            // Only we may write it, whatever the umask, or it would not be believed.
            FileOwner.KeepOthersFromWriting(file.SafeFileHandle);
            file.Write(content);
            file.Flush(flushToDisk: true);
            File.Move(unfinished, path, overwrite: false);
        }
        catch
        {
            TryDelete(unfinished);
            throw;
        }

        FileStream Reserve(string name)
        {
            try
            {
                return new FileStream(name, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
            }
            catch (IOException e) when (File.Exists(name))
            {
                throw new RecordExistsException(record, e);
            }
        }
    }

    /// <summary>Removes what a writer left that was killed in the middle: files of the names that it gives, of our own user, and nothing else.</summary>
    public void RemoveUnfinished()
    {
        if (System.IO.Directory.Exists(Directory))
        {
            foreach (string path in System.IO.Directory.EnumerateFiles(Directory, "*" + Unfinished).Where(IsOurs))
            {
                TryDelete(path);
            }
        }
    }

    // As Write and WriteOpen name them. A link or a directory of that name is somebody else's.
    private static bool IsOurs(string path)
    {
        string name = Path.GetFileName(path)[..^Unfinished.Length];
        return (name == OpenIncident.FileName || IncidentRecord.IsNumbered(name)) && IsOwnFile(path);
    }

    private static bool IsOwnFile(string path) => FileOwner.Of(path) is { IsRegularFile: true } owner && owner.User == FileOwner.Own;

    private void RefuseStrangers(string path, FileOwner owner)
    {
        var directory = TrustedDirectory.Of(Directory);
        if (!directory.Trusts(owner.User))
        {
            throw new IncidentException($"{path}: belongs to uid {owner.User}, not to {directory}: what it says may be anybody's");
        }

        if (owner.OthersMayWrite)
        {
            throw new IncidentException($"{path}: others than its owner, uid {owner.User}, may write it: what it says may be anybody's");
        }
    }

    // The bounds are those of our own: what others put there would otherwise drive ours out.
    private void MakeRoom(int count, long bytes)
    {
        var records = new List<IncidentRecord>();
        foreach (IncidentRecord record in List())
        {
            string path = Path.Join(Directory, record.FileName);
            if (IsOwnFile(path))
            {
                records.Add(record);
            }
            else if (told.Count < MostTold && told.Add(path))
            {
                leftAlone?.Invoke(path);
            }
        }

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

/// <summary>There is a record of that name already; it is left as it is.</summary>
internal sealed class RecordExistsException(IncidentRecord record, Exception? cause = null)
    : IOException($"record {record.Number} of incident {record.Incident} is there already", cause);
