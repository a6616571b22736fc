using ConnExporter.Configuration;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Tests.Configuration;

public class SettingsTests
{
    [Fact]
    public void Keys_and_variables_are_unique()
    {
        Settings.All.Select(setting => setting.Key).ShouldBeUnique();
        Settings.All.Select(setting => setting.Variable).ShouldBeUnique();
    }

    [Fact]
    public void A_variable_is_the_key_in_capitals_with_a_prefix() => Settings.Find("web.listen-address")!.Variable.ShouldBe("CONN_EXPORTER_WEB_LISTEN_ADDRESS");

    [Fact]
    public void Every_collector_has_a_switch_and_an_interval()
    {
        foreach (string name in CollectorList.All.Select(entry => entry.Name))
        {
            Settings.Find(Settings.Switch(name)).ShouldNotBeNull();
            Settings.Find(Settings.Interval(name)).ShouldNotBeNull();
        }
    }

    [Fact]
    public void Help_texts_are_sentences() => Settings.All.ShouldAllBe(setting => setting.Help.EndsWith('.'));

    [Fact]
    public void Only_lists_may_be_given_several_times() => Settings.All.Where(setting => setting.Repeatable).Select(setting => setting.Key).ShouldBe(["web.listen-address"]);
}
