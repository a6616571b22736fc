using System.Text;
using ConnExporter.Commands;

namespace ConnExporter.Tests.Commands;

public class MetricsCommandTests
{
    [Fact]
    public void A_terminal_is_shown_what_commands_it_and_the_lines_stay()
    {
        string shown = MetricsCommand.ForTerminal(Encoding.UTF8.GetBytes("conn_x{process=\"\u001b]0;owned\u0007\u202e\"} 1\nconn_y 2\n"));

        shown.ShouldBe("conn_x{process=\"\\u001b]0;owned\\u0007\\u202e\"} 1\nconn_y 2\n");
    }
}
