using ConnExporter.Kernel;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Kernel;

#pragma warning disable CA1416 // Tests of a program for Linux.

/// <summary>A directory is only as good as every directory above it, and as those to whom it belongs.</summary>
public sealed class TrustedDirectoryTests : IDisposable
{
    private const UnixFileMode Everybody = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Ones_own_is_trusted_below_one_where_everybody_may_make_files()
    {
        var own = TrustedDirectory.Of(directory.Path);

        own.Doubt.ShouldBeNull();
        own.Trusts(0).ShouldBeTrue();
        own.Trusts(FileOwner.Own).ShouldBeTrue();
        own.Trusts(Strangers.Nobody).ShouldBeFalse();
    }

    [Theory]
    [InlineData(Everybody)]
    [InlineData(Everybody | UnixFileMode.StickyBit)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupWrite)]
    public void One_that_others_may_write_is_not(UnixFileMode mode)
    {
        string open = Make("open");
        File.SetUnixFileMode(open, mode);

        TrustedDirectory.Of(open).Doubt.ShouldBe($"others than its owner may write {open}");
    }

    [Fact]
    public void Nor_is_one_below_it()
    {
        string below = Make("open/below");
        File.SetUnixFileMode(Path.Join(directory.Path, "open"), Everybody);

        TrustedDirectory.Of(below).Doubt.ShouldNotBeNull().ShouldContain("others than its owner may write");
    }

    [Fact]
    public void What_is_not_there_or_no_directory_is_said_to_be_so()
    {
        TrustedDirectory.Of(Path.Join(directory.Path, "missing/below")).ShouldSatisfyAllConditions(found => found.Exists.ShouldBeFalse(), found => found.Doubt.ShouldNotBeNull());
        TrustedDirectory.Of(directory.Write("file", "")).Exists.ShouldBeFalse();
    }

    [Fact]
    public void Ones_own_links_are_followed_and_every_directory_on_the_way_counts()
    {
        string real = Make("real/below");
        File.CreateSymbolicLink(Path.Join(directory.Path, "link"), "real");
        var found = TrustedDirectory.Of(Path.Join(directory.Path, "link/below"));
        found.Doubt.ShouldBeNull();
        found.Path.ShouldBe(real);

        File.CreateSymbolicLink(Path.Join(directory.Path, "up"), "../" + Path.GetFileName(directory.Path) + "/real/below/..");
        TrustedDirectory.Of(Path.Join(directory.Path, "up")).Path.ShouldBe(Path.Join(directory.Path, "real"));

        File.SetUnixFileMode(Path.Join(directory.Path, "real"), Everybody);
        TrustedDirectory.Of(Path.Join(directory.Path, "link/below")).Doubt.ShouldNotBeNull();
        TrustedDirectory.Of(Path.Join(directory.Path, "up")).Doubt.ShouldNotBeNull("the last one, though a link leads out of it");
    }

    [Fact]
    public void A_link_to_itself_leads_nowhere()
    {
        File.CreateSymbolicLink(Path.Join(directory.Path, "loop"), "loop");

        TrustedDirectory.Of(Path.Join(directory.Path, "loop")).Doubt.ShouldNotBeNull().ShouldContain("a link that leads nowhere");
    }

    [RootFact]
    public void A_strangers_is_not_though_it_lies_in_one_of_roots()
    {
        string his = Make("his");
        Strangers.Give(his);

        var found = TrustedDirectory.Of(his);
        found.Doubt.ShouldBe($"{his} belongs to uid 65534");
        found.Trusts(Strangers.Nobody).ShouldBeFalse();
        TrustedDirectory.Of(Make("his/ours")).Doubt.ShouldBe($"{his} belongs to uid 65534", "he can put another in its place");
    }

    [RootFact]
    public void A_strangers_link_is_not_followed()
    {
        Make("real");
        string link = Path.Join(directory.Path, "link");
        File.CreateSymbolicLink(link, "real");
        Strangers.Give(link);

        TrustedDirectory.Of(link).Doubt.ShouldBe($"{link} is a link of uid 65534");
    }

    // As systemd gives a service its RuntimeDirectory.
    [RootFact]
    public void Who_was_given_a_directory_right_below_run_is_believed_in_it_and_nowhere_below()
    {
        string given = $"/run/conn-exporter-test-{Guid.NewGuid():N}";
        Directory.CreateDirectory(given);
        try
        {
            Strangers.Give(given);
            var found = TrustedDirectory.Of(given);
            found.Doubt.ShouldBeNull();
            found.Trusts(Strangers.Nobody).ShouldBeTrue();
            found.Trusts(1).ShouldBeFalse();
            TrustedDirectory.Of(Directory.CreateDirectory(Path.Join(given, "below")).FullName).Doubt.ShouldBe($"{given} belongs to uid 65534");

            File.SetUnixFileMode(given, Everybody);
            TrustedDirectory.Of(given).ShouldSatisfyAllConditions(open => open.Doubt.ShouldNotBeNull(), open => open.Trusts(Strangers.Nobody).ShouldBeFalse());
        }
        finally
        {
            Directory.Delete(given, recursive: true);
        }
    }

    private string Make(string name) => Directory.CreateDirectory(Path.Join(directory.Path, name)).FullName;
}
