using ConnExporter.Kernel;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Kernel;

#pragma warning disable CA1416 // Tests of a program for Linux.

public sealed class FileLockTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    private string Place => Path.Join(directory.Path, "lock");

    public void Dispose() => directory.Dispose();

    [Fact]
    public void One_has_it_at_a_time()
    {
        using (FileLock.TryTake(Place).ShouldNotBeNull())
        {
            FileLock.TryTake(Place).ShouldBeNull();
        }

        FileLock.TryTake(Place).ShouldNotBeNull().Dispose();
    }

    [Fact]
    public void Nobody_else_can_open_its_file()
    {
        using var held = FileLock.TryTake(Place);

        File.GetUnixFileMode(Place).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [Fact]
    public void No_link_is_followed_and_no_file_made_behind_it()
    {
        string elsewhere = Path.Join(directory.Path, "elsewhere");
        File.CreateSymbolicLink(Place, elsewhere);

        Should.Throw<IOException>(() => FileLock.TryTake(Place)).Message.ShouldStartWith(Place + ": ");
        File.Exists(elsewhere).ShouldBeFalse();
    }
}
