using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public sealed class LineFileTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Lines_come_in_order_without_their_ends() => Lines("one\n\n three \n").ShouldBe(["one", "", " three "]);

    [Fact]
    public void An_empty_file_has_no_lines() => Lines("").ShouldBeEmpty();

    [Fact]
    public void A_file_larger_than_the_buffer_is_read_through_it()
    {
        string[] lines = Enumerable.Range(0, 20_000).Select(i => $"line {i} {new string('x', i % 97)}").ToArray();

        Lines(string.Concat(lines.Select(line => line + '\n'))).ShouldBe(lines);
    }

    [Fact]
    public void Lines_are_read_without_allocating()
    {
        using LineFile file = Open(string.Concat(Enumerable.Repeat("a line like any other\n", 10_000)));
        Count(file);
        file.Rewind();

        long before = GC.GetAllocatedBytesForCurrentThread();
        int count = Count(file);

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
        count.ShouldBe(10_000);
    }

    [Fact]
    public void A_line_of_64_KiB_fits_with_its_end() => Lines(new string('x', (64 * 1024) - 1) + "\nnext\n").Count.ShouldBe(2);

    [Fact]
    public void A_longer_line_is_refused() => ShouldBe(FailureKind.Broken, "too_large", () => Lines(new string('x', 64 * 1024) + "\n"), directory.Path, "65536");

    [Fact]
    public void The_last_line_must_have_its_end()
    {
        var seen = new List<string>();

        ShouldBeBroken(
            () =>
            {
                using LineFile file = Open("whole\ncut of");
                while (file.TryNextLine(out ReadOnlySpan<byte> line))
                {
                    seen.Add(Encoding.UTF8.GetString(line));
                }
            },
            directory.Path,
            "a line end",
            "'cut of'");

        seen.ShouldBe(["whole"]);
    }

    [Fact]
    public void Rewinding_opens_the_file_anew()
    {
        using LineFile file = Open("old one\nold two\n");
        file.TryNextLine(out _).ShouldBeTrue();
        File.Delete(file.Path);
        File.WriteAllText(file.Path, "new\n");

        file.Rewind();

        file.TryNextLine(out ReadOnlySpan<byte> line).ShouldBeTrue();
        Encoding.UTF8.GetString(line).ShouldBe("new");
        file.TryNextLine(out _).ShouldBeFalse();
    }

    [Fact]
    public void A_file_that_is_not_there_is_absent()
    {
        using var file = new LineFile(Path.Join(directory.Path, "nothing"));

        ShouldBe(FailureKind.Absent, "absent", file.Rewind, file.Path, "errno 2");
    }

    [Fact]
    public void A_file_that_may_not_be_read_is_denied()
    {
        using var file = new LineFile(KernelFiles.WriteOnly);

        ShouldBe(FailureKind.Denied, "denied", file.Rewind, file.Path, "errno 13");
    }

    [Fact]
    public void A_directory_is_no_file()
    {
        using var file = new LineFile(directory.Path);
        file.Rewind();

        ShouldBe(FailureKind.Broken, "errno", () => file.TryNextLine(out _), file.Path, "errno 21");
    }

    private static int Count(LineFile file)
    {
        int count = 0;
        while (file.TryNextLine(out _))
        {
            count++;
        }

        return count;
    }

    private LineFile Open(string text)
    {
        var file = new LineFile(directory.Write("file", text));
        file.Rewind();
        return file;
    }

    private List<string> Lines(string text)
    {
        using LineFile file = Open(text);
        var lines = new List<string>();
        while (file.TryNextLine(out ReadOnlySpan<byte> line))
        {
            lines.Add(Encoding.UTF8.GetString(line));
        }

        return lines;
    }
}
