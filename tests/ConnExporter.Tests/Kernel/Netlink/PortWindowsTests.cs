using System.Buffers.Binary;
using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Tests.Kernel.Netlink;

/// <summary>The kernel's filter by local port, run as the kernel runs it.</summary>
public class PortWindowsTests
{
    [Theory]
    [InlineData(32768, 60999)]
    [InlineData(1024, 65535)]
    [InlineData(10000, 10015)]
    [InlineData(65520, 65535)]
    [InlineData(1, 65535)]
    [InlineData(40000, 40000)]
    public void The_program_lets_through_what_is_of_the_part_and_the_parts_are_the_range(int first, int last)
    {
        byte[] seen = new byte[ushort.MaxValue + 1];
        for (int turn = 0; turn < PortWindows.Parts; turn++)
        {
            var windows = new PortWindows((ushort)first, (ushort)last, turn);
            byte[] code = CodeOf(windows);
            IsAccepted(code);
            for (int port = 0; port <= ushort.MaxValue; port++)
            {
                bool runs = Runs(code, (ushort)port);
                runs.ShouldBe(windows.Contains((ushort)port), $"{port} in turn {turn}");
                seen[port] += runs ? (byte)1 : (byte)0;
            }
        }

        for (int port = 0; port <= ushort.MaxValue; port++)
        {
            seen[port].ShouldBe(port >= first && port <= last ? (byte)1 : (byte)0, $"{port}");
        }
    }

    [Fact]
    public void One_window_in_each_run_of_ports_and_at_another_place_from_run_to_run()
    {
        var windows = new PortWindows(32768, 60999, 3);
        int[] ports = [.. Enumerable.Range(32768, 28232).Where(port => windows.Contains((ushort)port))];

        ports.Length.ShouldBeInRange((28232 / PortWindows.Parts) - PortWindows.Width, (28232 / PortWindows.Parts) + PortWindows.Width);
        ports.Count(port => port % 2 == 0).ShouldBeInRange((ports.Length / 2) - 1, (ports.Length / 2) + 1, "both parities alike");
        ports.GroupBy(port => port / PortWindows.Period).Select(run => run.First() % PortWindows.Period / PortWindows.Width).Distinct().Count().ShouldBe(PortWindows.Parts);
    }

    private static byte[] CodeOf(PortWindows windows)
    {
        var request = new SockDiagRequest(SockDiagRequest.AllStates) { From = windows };
        byte[] buffer = new byte[request.Length];
        request.Write(buffer, 1).ShouldBe(buffer.Length);
        BinaryPrimitives.ReadUInt16LittleEndian(buffer.AsSpan(SockDiagRequest.Size)).ShouldBe((ushort)(buffer.Length - SockDiagRequest.Size));
        return buffer[(SockDiagRequest.Size + 4)..];
    }

    // As inet_diag_bc_audit has it: each step forward lands on an operation, and each jump lands on one that is stepped on, or at the end, or four bytes behind.
    private static void IsAccepted(byte[] code)
    {
        HashSet<int> steps = [];
        for (int at = 0; at < code.Length; at += code[at + 1])
        {
            steps.Add(at);
        }

        foreach (int at in steps)
        {
            int left = code.Length - at;
            int no = BinaryPrimitives.ReadUInt16LittleEndian(code.AsSpan(at + 2));
            (no % 4, code[at + 1] % 4).ShouldBe((0, 0));
            ((int)code[at + 1]).ShouldBeInRange(code[at] == 1 ? 4 : 8, left + 4);
            no.ShouldBeInRange(code[at] == 1 ? 4 : 8, left + 4);
            (no >= left || steps.Contains(at + no)).ShouldBeTrue();
        }
    }

    // As inet_diag_bc_run.
    private static bool Runs(byte[] code, ushort port)
    {
        int at = 0;
        while (at < code.Length)
        {
            bool holds = code[at] == 2 && port >= BinaryPrimitives.ReadUInt16LittleEndian(code.AsSpan(at + 6));
            at += holds ? code[at + 1] : BinaryPrimitives.ReadUInt16LittleEndian(code.AsSpan(at + 2));
        }

        return at == code.Length;
    }
}
