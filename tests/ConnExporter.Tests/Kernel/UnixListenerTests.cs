using System.Net.Sockets;
using ConnExporter.Kernel;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Kernel;

/// <summary>Nothing is removed that is not a stale socket of ours, neither at the start nor at the end.</summary>
public sealed class UnixListenerTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly string path;

    public UnixListenerTests() => path = Path.Join(directory.Path, "web.sock");

    public void Dispose() => directory.Dispose();

    [Fact]
    public void It_is_reached_and_its_file_goes_away_with_it()
    {
        using (UnixListener.Listen(path, 8))
        {
            Connects().ShouldBeTrue();
        }

        File.Exists(path).ShouldBeFalse();
    }

    [Fact]
    public void A_stale_one_of_ours_is_replaced()
    {
        Leave();
        File.Exists(path).ShouldBeTrue();

        using var next = UnixListener.Listen(path, 8);

        Connects().ShouldBeTrue();
        Directory.GetFileSystemEntries(directory.Path).ShouldHaveSingleItem("nothing is left beside it");
    }

    [Fact]
    public void One_that_somebody_listens_on_is_left_alone()
    {
        using var first = UnixListener.Listen(path, 8);

        Should.Throw<UnixListenerException>(() => UnixListener.Listen(path, 8)).Message.ShouldBe("another process listens there");

        Connects().ShouldBeTrue();
    }

    // connect() on a socket that blocks would wait here for ever.
    [Fact]
    public void One_whose_queue_is_full_is_left_alone_without_waiting()
    {
        using Socket busy = Other(SocketType.Stream);
        busy.Listen(0);

        // A queue holds one more than its limit.
        Connects().ShouldBeTrue();

        Should.Throw<UnixListenerException>(() => UnixListener.Listen(path, 8)).Message.ShouldBe("another process listens there");
    }

    [Theory]
    [InlineData(SocketType.Dgram)]
    [InlineData(SocketType.Seqpacket)]
    public void A_socket_of_another_kind_is_left_alone(SocketType type)
    {
        using Socket other = Other(type);

        Should.Throw<UnixListenerException>(() => UnixListener.Listen(path, 8)).Message.ShouldContain("no stream socket");

        File.Exists(path).ShouldBeTrue();
    }

    // It has the same owner and nobody listens on it: only its maker tells it from one of ours.
    [Fact]
    public void A_stale_socket_of_another_program_is_left_alone()
    {
        Run("python3", "-c", $"import socket; socket.socket(socket.AF_UNIX).bind('{path}')");
        File.Exists(path).ShouldBeTrue();

        Should.Throw<UnixListenerException>(() => UnixListener.Listen(path, 8)).Message.ShouldContain("but this program did not make");

        File.Exists(path).ShouldBeTrue();
    }

    [Fact]
    public void A_regular_file_is_left_as_it_is()
    {
        File.WriteAllText(path, "precious");

        Should.Throw<UnixListenerException>(() => UnixListener.Listen(path, 8)).Message.ShouldStartWith("a regular file is there");

        File.ReadAllText(path).ShouldBe("precious");
    }

    [Fact]
    public void A_directory_is_left_as_it_is()
    {
        Directory.CreateDirectory(path);

        Should.Throw<UnixListenerException>(() => UnixListener.Listen(path, 8)).Message.ShouldStartWith("a directory is there");

        Directory.Exists(path).ShouldBeTrue();
    }

    [Theory]
    [InlineData("file", "a symbolic link is there")]
    [InlineData("stale", "a symbolic link is there")]
    [InlineData("nothing", "a symbolic link is there")]
    public void A_symbolic_link_is_left_as_it_is_whatever_it_leads_to(string to, string complaint)
    {
        string target = Path.Join(directory.Path, to);
        switch (to)
        {
            case "file":
                File.WriteAllText(target, "precious");
                break;
            case "stale":
                Leave(target);
                break;
        }

        File.CreateSymbolicLink(path, target);

        Should.Throw<UnixListenerException>(() => UnixListener.Listen(path, 8)).Message.ShouldStartWith(complaint);

        new FileInfo(path).LinkTarget.ShouldBe(target);
        File.Exists(target).ShouldBe(to != "nothing");
    }

    [Fact]
    public void A_fifo_is_left_as_it_is_and_not_waited_for()
    {
        Run("mkfifo", path);

        Should.Throw<UnixListenerException>(() => UnixListener.Listen(path, 8)).Message.ShouldStartWith("a FIFO is there");

        File.Exists(path).ShouldBeTrue();
    }

    [Fact]
    public void What_somebody_else_has_put_there_since_stays_at_the_end()
    {
        using (UnixListener.Listen(path, 8))
        {
            File.Delete(path);
            File.WriteAllText(path, "precious");
        }

        File.ReadAllText(path).ShouldBe("precious");
    }

    [Fact]
    public void The_socket_of_a_successor_stays_at_the_end()
    {
        var first = UnixListener.Listen(path, 8);
        File.Delete(path);
        using var second = UnixListener.Listen(path, 8);

        first.Dispose();

        Connects().ShouldBeTrue();
    }

    [Fact]
    public void Other_permissions_do_not_make_it_another_file()
    {
        using (UnixListener.Listen(path, 8))
        {
            Connects().ShouldBeTrue();
            Run("chmod", "0660", path);
        }

        File.Exists(path).ShouldBeFalse();
    }

    // What happens between the last look and the removal.
    [Fact]
    public void What_took_the_place_of_a_stale_one_meanwhile_is_put_back()
    {
        Leave();
        using var place = new DirectoryPlace(path);
        FileStatus stale = place.Look()!.Value;
        File.Delete(path);
        File.WriteAllText(path, "precious");

        place.TakeAway(stale);

        File.ReadAllText(path).ShouldBe("precious");
        Directory.GetFileSystemEntries(directory.Path).ShouldHaveSingleItem();
    }

    [Fact]
    public void Of_many_that_start_at_once_on_a_stale_one_exactly_one_gets_it()
    {
        Leave();
        var made = new System.Collections.Concurrent.ConcurrentBag<UnixListener>();
        int refused = 0;
        Parallel.For(0, 16, new ParallelOptions { MaxDegreeOfParallelism = 16 }, _ =>
        {
            try
            {
                // Room for those that try whether anybody listens, and for one more.
                made.Add(UnixListener.Listen(path, 64));
            }
            catch (UnixListenerException)
            {
                Interlocked.Increment(ref refused);
            }
        });

        made.Count.ShouldBe(1);
        refused.ShouldBe(15);
        Connects().ShouldBeTrue();
        made.Single().Dispose();
    }

    [Theory]
    [InlineData("missing/web.sock", "there is no directory ")]
    [InlineData("file/web.sock", "something on the way to ")]
    [InlineData("loop/web.sock", "the symbolic links on the way to ")]
    public void A_path_that_leads_nowhere_is_named_with_its_cause(string relative, string complaint)
    {
        File.WriteAllText(Path.Join(directory.Path, "file"), "");
        File.CreateSymbolicLink(Path.Join(directory.Path, "loop"), Path.Join(directory.Path, "loop"));

        Should.Throw<UnixListenerException>(() => UnixListener.Listen(Path.Join(directory.Path, relative), 8)).Message.ShouldStartWith(complaint);
    }

    // What a process leaves that is killed between bind() and the mark, before listen(), or while it takes a stale one away.
    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public void What_a_killed_process_was_making_or_removing_is_removed(bool isNew, bool isMarked)
    {
        LeaveBound(Private(isNew), isMarked);

        using var next = UnixListener.Listen(path, 8);

        Connects().ShouldBeTrue();
        Directory.GetFileSystemEntries(directory.Path).ShouldHaveSingleItem().ShouldBe(path);
    }

    [Fact]
    public void Of_these_names_what_anybody_listens_on_or_is_no_socket_or_not_named_so_is_left_alone()
    {
        using Socket listening = At(Private(isNew: true), SocketType.Stream);
        listening.Listen(1);
        LeaveBound(Private(isNew: false), isMarked: false);
        LeaveBound(Path.Join(directory.Path, ".conn-exporter-1.new"), isMarked: true);
        LeaveBound(Path.Join(directory.Path, $"conn-exporter-{Guid.NewGuid():N}.new"), isMarked: true);
        File.WriteAllText(Private(isNew: true), "precious");
        Directory.CreateDirectory(Private(isNew: true));
        string[] before = Directory.GetFileSystemEntries(directory.Path);

        UnixListener.Listen(path, 8).Dispose();

        Directory.GetFileSystemEntries(directory.Path).ShouldBe(before, ignoreOrder: true);
    }

    [RootFact]
    public void Nor_is_what_another_user_was_making_removed()
    {
        string left = Private(isNew: true);
        LeaveBound(left, isMarked: true);
        Strangers.Give(left);

        UnixListener.Listen(path, 8).Dispose();

        File.Exists(left).ShouldBeTrue();
    }

    [Fact]
    public void Whoever_keeps_the_directory_locked_is_named_and_not_waited_for()
    {
        LeaveBound(Private(isNew: true), isMarked: false);
        using var locked = new DirectoryPlace(path);
        locked.Lock().ShouldBeTrue();

        using var made = UnixListener.Listen(path, 8);

        made.KeptLocked.ShouldBe(directory.Path);
        Connects().ShouldBeTrue();
        Directory.GetFileSystemEntries(directory.Path).Length.ShouldBe(2, "without the lock it may be another process's that is alive");
    }

    [Fact]
    public void The_wait_for_the_lock_can_be_ended_and_nothing_is_made_then()
    {
        using var locked = new DirectoryPlace(path);
        locked.Lock().ShouldBeTrue();
        using var end = new CancellationTokenSource();
        end.CancelAfter(TimeSpan.FromMilliseconds(50));
        long start = TimeProvider.System.GetTimestamp();

        Should.Throw<OperationCanceledException>(() => UnixListener.Listen(path, 8, ownerOnly: false, end.Token));

        TimeProvider.System.GetElapsedTime(start).ShouldBeLessThan(TimeSpan.FromMilliseconds(900));
        Directory.GetFileSystemEntries(directory.Path).ShouldBeEmpty();
    }

    // With the longest path there is, the name that it is bound by has no room in an address.
    [Fact]
    public void The_longest_path_is_reached()
    {
        string below = Path.Join(directory.Path, new string('d', UnixListener.LongestPath - directory.Path.Length - "//s".Length));
        Directory.CreateDirectory(below);
        string longest = Path.Join(below, "s");
        longest.Length.ShouldBe(UnixListener.LongestPath);

        using var made = UnixListener.Listen(longest, 8, ownerOnly: true);

        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(longest));
        Directory.GetFileSystemEntries(below).ShouldHaveSingleItem();
    }

    private static Socket At(string path, SocketType type)
    {
        var socket = new Socket(AddressFamily.Unix, type, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        return socket;
    }

    // As a process that is killed leaves it: the file stays, nobody listens.
    private static void LeaveAt(string path)
    {
        var killed = UnixListener.Listen(path, 8);
        killed.Socket.Dispose();
    }

    private static void Run(params string[] command)
    {
        using var process = System.Diagnostics.Process.Start(command[0], command[1..]);
        process.WaitForExit();
        process.ExitCode.ShouldBe(0);
    }

    // Not by .NET, which removes the file of a socket that it has bound.
    private static void LeaveBound(string at, bool isMarked) => Run(
        "python3", "-c", $"import os, socket; socket.socket(socket.AF_UNIX).bind('{at}'); {(isMarked ? $"os.utime('{at}', ns=(0, {UnixListener.Mark}))" : "")}");

    private string Private(bool isNew) => Path.Join(directory.Path, $".conn-exporter-{Guid.NewGuid():N}{(isNew ? ".new" : "")}");

    private Socket Other(SocketType type) => At(path, type);

    private void Leave(string? at = null) => LeaveAt(at ?? path);

    private bool Connects()
    {
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(path));
        return client.Connected;
    }
}
