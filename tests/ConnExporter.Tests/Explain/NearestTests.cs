using ConnExporter.Commands;
using ConnExporter.Explain;
using ConnExporter.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Explain;

/// <summary>What is offered where nothing is known.</summary>
public class NearestTests
{
    [Theory]
    [InlineData("conection refusd", "connection_refused")]
    [InlineData("accept queues grow slowly", "accept_queue_overflowing")]
    [InlineData("inotfy instance limits", "inotify_limits")]
    [InlineData("端口范围怎么设置", "folklore_narrow_range")]
    public void The_topics_with_the_most_in_common_are_among_three(string asked, string near)
    {
        Topics.Find(asked).ShouldBeNull();
        IReadOnlyList<Topic> nearest = Nearest.To(asked);

        nearest.Count.ShouldBe(3);
        nearest.Select(topic => topic.Id).ShouldContain(near);
    }

    [Fact]
    public void Nothing_is_near_what_has_nothing_in_common() => Nearest.To("zzz qqq 12345").ShouldBeEmpty();

    [Fact]
    public void A_long_text_takes_no_longer_and_is_quoted_short_and_without_commands_for_a_terminal()
    {
        string asked = "\e]0;title\a" + string.Concat(Enumerable.Repeat("blorp quux ", 50_000)) + "\nsecond line";

        string answer = new Explanation(Language.English, TerminalStyle.Plain).Unknown(asked, Nearest.To(asked));

        answer.ShouldStartWith("conn-exporter: nothing is known about '\\u001b]0;title\\u0007blorp");
        answer.ShouldNotContain('\e');
        answer.ShouldNotContain("second line");
        answer.Split('\n').Length.ShouldBeLessThan(12);
        answer.Split('\n')[0].Length.ShouldBeLessThan(200);
    }

    [Fact]
    public void Bytes_are_text_of_the_set_that_they_are_in()
    {
        ExplainCommand.Decode([.. "打开的文件过多"u8]).ShouldBe("打开的文件过多");
        ExplainCommand.Decode([0xb4, 0xf2, 0xbf, 0xaa, 0xb5, 0xc4, 0xce, 0xc4, 0xbc, 0xfe, 0xb9, 0xfd, 0xb6, 0xe0]).ShouldBe("打开的文件过多");

        // One byte that was damaged, or a character that was cut off, makes no other set of it.
        ExplainCommand.Decode([.. "打开"u8, 0xff, .. "的文件过多"u8, 0xe5]).ShouldBe("打开\ufffd的文件过多\ufffd");
    }
}
