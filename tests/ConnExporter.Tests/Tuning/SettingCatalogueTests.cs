using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;
using ConnExporter.Tests.Collectors;
using ConnExporter.Tests.Support;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Tuning;

public class SettingCatalogueTests
{
    private static readonly string[] Vintages = ["linux-4.19", "linux-5.10", "linux-6.18"];

    // What record.py sets for its scene, and what the host was given.
    private static readonly string[] Changed = [SettingCatalogue.ReservedPorts];

    public static TheoryData<string> Names => [.. SettingCatalogue.All.Select(setting => setting.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_is_on_the_recorded_kernels_or_marked_as_removed_before_them(string name)
    {
        TuningSetting setting = SettingCatalogue.Find(name)!;
        foreach (string vintage in Vintages)
        {
            File.Exists(Fixture.PathOf(vintage, "proc", setting.Path)).ShouldBe(setting is { RemovedIn: null, Vendor: null }, $"{name} on {vintage}");
        }

        (setting.RemovedIn ?? new Version(0, 0)).ShouldBeLessThan(new Version(4, 19));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_is_explained_in_every_language(string name)
    {
        foreach (TextBook texts in Enum.GetValues<Language>().Select(TextBook.Of))
        {
            texts[$"setting.{name}.what"].ShouldNotBeNullOrWhiteSpace();
            texts[$"setting.{name}.advice"].ShouldNotBeNullOrWhiteSpace();
        }
    }

    [Fact]
    public void Nothing_else_is_explained()
    {
        foreach (TextBook texts in Enum.GetValues<Language>().Select(TextBook.Of))
        {
            texts.Keys.Where(key => key.StartsWith("setting.", StringComparison.Ordinal)).Order(StringComparer.Ordinal)
                .ShouldBe(SettingCatalogue.All.SelectMany(setting => (string[])[$"setting.{setting.Name}.what", $"setting.{setting.Name}.advice"]).Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public void The_defaults_are_those_of_the_recorded_kernels()
    {
        int compared = 0;
        foreach (string vintage in Vintages)
        {
            SettingsReading settings = SettingsCollectorTests.Read(vintage);
            foreach (TuningSetting setting in SettingCatalogue.Present.Where(setting => setting.Vendor is null && !Changed.Contains(setting.Name)))
            {
                if (setting.DefaultOn(settings.Kernel) is { } value)
                {
                    settings.Text(setting.Name).ShouldBe(value, $"{setting.Name} on {vintage}");
                    compared++;
                }
            }
        }

        compared.ShouldBe(3 * 14);
    }

    [Theory]
    [InlineData("net.core.somaxconn", "128", "5.3")]
    [InlineData("net.core.somaxconn", "4096", "5.4")]
    [InlineData("net.core.somaxconn", "4096", "6.18")]
    [InlineData("net.ipv4.tcp_tw_reuse", "0", "4.18")]
    [InlineData("net.ipv4.tcp_tw_reuse", "2", "4.19")]
    public void Defaults_go_by_the_kernel(string name, string value, string kernel) => SettingCatalogue.Find(name)!.DefaultOn(Version.Parse(kernel)).ShouldBe(value);

    [Fact]
    public void Where_memory_decides_there_is_no_default() => SettingCatalogue.Find(SettingCatalogue.MaxTimeWait)!.DefaultOn(new Version(6, 1)).ShouldBeNull();

    [Fact]
    public void Names_are_given_once() => SettingCatalogue.All.Select(setting => setting.Name).ShouldBeUnique();
}
