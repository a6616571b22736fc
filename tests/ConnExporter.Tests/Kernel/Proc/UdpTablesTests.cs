using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Kernel.Proc;

public sealed class UdpTablesTests : IDisposable
{
    private const string Header = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n";
    private readonly TemporaryDirectory root = new();

    public void Dispose() => root.Dispose();

    [Theory]
    [InlineData("  101: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12345 2 0000000000000000 0", 68)]
    [InlineData(" 2: 0100007F:CA6C 00000000:0000 07 0", 51820)]
    [InlineData(" 2: 00000000000000000000000000000000:14E9 00000000000000000000000000000000:0000 07 0", 5353)]
    [InlineData(" 2: 0100007F:9C40 0100007F:0035 01 0", null)]
    public void A_socket_without_a_peer_holds_its_port(string line, int? port) => ((int?)UdpTables.Parse("udp", Encoding.ASCII.GetBytes(line))).ShouldBe(port);

    [Theory]
    [InlineData("")]
    [InlineData("1: 0100007F:9C40")]
    [InlineData("1: 0100007F:1FFFF 0100007F:0035 01")]
    [InlineData("1: 0100007F9C40 01000035 01")]
    public void Anything_else_is_refused(string line) => Should.Throw<KernelReadException>(() => UdpTables.Parse("udp", Encoding.ASCII.GetBytes(line))).Kind.ShouldBe(FailureKind.Broken);

    [Fact]
    public void Both_tables_are_read_and_the_second_may_be_missing()
    {
        Directory.CreateDirectory(Path.Join(root.Path, "self", "net"));
        Directory.CreateDirectory(Path.Join(root.Path, "net"));
        using var tables = new UdpTables(new ProcFs(root.Path));
        Write("udp", Header + " 1: 00000000:0035 00000000:0000 07 0\n");
        tables.Read()!.ToString().ShouldBe("53");

        Write("udp6", Header + " 1: 00000000000000000000000000000000:14E9 00000000000000000000000000000000:0000 07 0\n");
        tables.Read()!.ToString().ShouldBe("53,5353");

        Write("udp6", Header + string.Concat(Enumerable.Range(0, UdpTables.MostSockets).Select(i => $" {i}: 00000000000000000000000000000000:14E9 00000000000000000000000000000000:0000 07 0\n")));
        tables.Read().ShouldBeNull("with that of the first file there are more than are read");

        Write("udp6", "Bad\n");
        Should.Throw<KernelReadException>(tables.Read).Kind.ShouldBe(FailureKind.Broken);

        void Write(string name, string text) => File.WriteAllText(new ProcFs(root.Path).NetPathOf(name), text);
    }
}
