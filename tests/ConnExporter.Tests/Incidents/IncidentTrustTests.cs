using ConnExporter.Incidents;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Incidents;

#pragma warning disable CA1416 // Tests of a program for Linux.

/// <summary>What a record says is acted upon: only what nobody else could have written is read, and nothing holds whoever looks.</summary>
public sealed class IncidentTrustTests : IDisposable
{
    private const string Content = """{"format":1,"incident":"rm -rf /"}""";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly IncidentRecord Record = new("20260102T030405Z-001", 1, IncidentEvent.Begin, "warning");
    private readonly TemporaryDirectory directory = new();
    private readonly string path;

    public IncidentTrustTests() => path = Path.Join(directory.Path, Record.FileName);

    public void Dispose() => directory.Dispose();

    [RootFact]
    public async Task A_record_of_another_user_says_whose_it_is_and_nothing_else()
    {
        File.WriteAllText(path, Content);
        Strangers.Give(path);

        string why = await RefusalAsync();
        why.ShouldBe($"{path}: belongs to uid 65534, not to root: what it says may be anybody's");
    }

    [Theory]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherWrite)]
    public async Task Nor_is_one_read_that_others_may_write(UnixFileMode more)
    {
        File.WriteAllText(path, Content);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | more);

        (await RefusalAsync()).ShouldContain("others than its owner");
    }

    [Fact]
    public async Task A_pipe_holds_nobody()
    {
        Strangers.MakeFifo(path);

        (await RefusalAsync()).ShouldBe($"{path}: no regular file");
    }

    [Theory]
    [InlineData("/dev/zero")]
    [InlineData("/proc/kmsg")]
    [InlineData("elsewhere")]
    [InlineData("nowhere")]
    public async Task A_link_is_not_followed(string target)
    {
        directory.Write("elsewhere", Content);
        File.CreateSymbolicLink(path, target);

        (await RefusalAsync()).ShouldBe($"{path}: a symbolic link, which is not followed");
    }

    [Fact]
    public async Task A_directory_is_no_record()
    {
        Directory.CreateDirectory(path);

        (await RefusalAsync()).ShouldBe($"{path}: no regular file");
    }

    [Fact]
    public async Task What_is_not_there_is_said_to_be_so() => (await RefusalAsync()).ShouldBe($"{path}: No such file or directory");

    // Whatever the umask of whoever runs the recorder, it believes itself.
    [Fact]
    public void What_was_written_here_is_read()
    {
        var store = new IncidentStore(directory.Path);
        store.Write(Record, "{\"format\":1,\"incident\":\"x\"}"u8, maxCount: 10, maxBytes: 1000);

        store.Read(Record, root => root.GetProperty("incident").GetString()).ShouldBe("x");
        (File.GetUnixFileMode(path) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)).ShouldBe(UnixFileMode.None);
    }

    // Someone who may write the directory must not choose what the recorder overwrites.
    [Fact]
    public void A_link_where_the_record_is_being_written_is_not_followed()
    {
        string other = directory.Write("other", "kept");
        File.CreateSymbolicLink(path + ".unfinished", other);

        new IncidentStore(directory.Path).Write(Record, "{}"u8, maxCount: 10, maxBytes: 1000);

        File.ReadAllText(other).ShouldBe("kept");
        File.ReadAllText(path).ShouldBe("{}");
    }

    // As systemd gives a service its StateDirectory: root, who shows it, is not who wrote it.
    [RootFact]
    public void The_records_of_the_user_whom_root_gave_the_directory_are_read_and_no_other_users()
    {
        string given = $"/var/lib/conn-exporter-test-{Guid.NewGuid():N}";
        Directory.CreateDirectory(given);
        try
        {
            string file = Path.Join(given, Record.FileName);
            File.WriteAllText(file, Content);
            Strangers.Give(given);
            Should.Throw<IncidentException>(() => new IncidentStore(directory.Path).Read(Record, _ => 0));
            new IncidentStore(given).Read(Record, root => root.GetProperty("incident").GetString()).ShouldBe("rm -rf /", "root's own");

            Strangers.Give(file);
            new IncidentStore(given).Read(Record, root => root.GetProperty("incident").GetString()).ShouldBe("rm -rf /");
        }
        finally
        {
            Directory.Delete(given, recursive: true);
        }
    }

    private async Task<string> RefusalAsync()
    {
        var store = new IncidentStore(directory.Path);
        string why = (await Should.ThrowAsync<IncidentException>(Task.Run(() => store.Read(Record, root => root.GetProperty("incident").GetString())).WaitAsync(Patience))).Message;
        why.ShouldNotContain("rm -rf");
        return why;
    }
}
