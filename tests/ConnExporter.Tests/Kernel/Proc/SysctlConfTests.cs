using System.Text;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Tests.Kernel.Proc;

public class SysctlConfTests
{
    private const string Path = "/etc/sysctl.conf";

    [Theory]
    [InlineData("net.ipv4.tcp_tw_reuse=1")]
    [InlineData("  net.ipv4.tcp_tw_reuse \t=  1  ")]
    [InlineData("net/ipv4/tcp_tw_reuse = 1")]
    [InlineData("net.ipv4.tcp_tw_reuse = 1\r")]
    public void Both_separators_and_blanks_are_understood(string line) =>
        SysctlConf.Parse(Path, Encoding.UTF8.GetBytes(line)).ShouldBe([new SysctlAssignment("net.ipv4.tcp_tw_reuse", "1", Path, 1)]);

    [Fact]
    public void Values_keep_their_blanks_and_lines_are_counted_from_one() =>
        SysctlConf.Parse(Path, "# ports\n\nnet.ipv4.ip_local_port_range = 10000 65535\nvm.swappiness = 0"u8)
            .ShouldBe([new SysctlAssignment("net.ipv4.ip_local_port_range", "10000 65535", Path, 3), new SysctlAssignment("vm.swappiness", "0", Path, 4)]);

    [Fact]
    public void A_dash_ignores_errors() =>
        SysctlConf.Parse(Path, "-net.ipv4.tcp_tw_recycle = 1\n"u8).Single().ShouldBe(new SysctlAssignment("net.ipv4.tcp_tw_recycle", "1", Path, 1) { IgnoresErrors = true });

    [Fact]
    public void A_path_with_dots_in_a_name_keeps_them_apart() =>
        SysctlConf.Parse(Path, "net/ipv4/conf/eth0.100/rp_filter = 1\n"u8).Single().Name.ShouldBe("net.ipv4.conf.eth0/100.rp_filter");

    [Theory]
    [InlineData("")]
    [InlineData("# net.ipv4.tcp_tw_reuse = 1\n")]
    [InlineData("  ; net.ipv4.tcp_tw_reuse = 1\n")]
    [InlineData("net.ipv4.tcp_tw_reuse\n")]
    [InlineData("= 1\n")]
    [InlineData("- = 1\n")]
    [InlineData("-net.ipv4.conf.*.rp_filter\n")]
    public void What_sets_nothing_is_passed_over(string text) => SysctlConf.Parse(Path, Encoding.UTF8.GetBytes(text)).ShouldBeEmpty();

    [Fact]
    public void Damaged_files_are_passed_over_and_nothing_worse()
    {
        byte[] text = "net.ipv4.tcp_tw_reuse = 1\n"u8.ToArray();
        for (int i = 0; i < text.Length; i++)
        {
            foreach (byte damage in (byte[])[0, 0xff, (byte)'=', (byte)'\n', (byte)'-'])
            {
                byte[] damaged = [.. text[..i], damage, .. text[(i + 1)..]];
                SysctlConf.Parse(Path, damaged).Count().ShouldBeLessThanOrEqualTo(2);
            }

            SysctlConf.Parse(Path, text.AsSpan(0, i)).Count().ShouldBeLessThanOrEqualTo(1);
        }
    }
}
