using System.Collections.Immutable;
using System.Text;

namespace ConnExporter.Kernel.Bpf;

/// <summary>Where this kernel has what the programs read, by its own description. Nothing of it is the same on all kernels.</summary>
internal sealed record KernelLayout
{
    /// <summary>The tracepoint at each change of a TCP socket's state (net/core/sock.c, inet_sk_set_state): (sk, oldstate, newstate).</summary>
    public required uint StateTracepoint { get; init; }

    /// <summary>The functions of <see cref="CallHook.All"/>, in that order; null for one that this kernel has not.</summary>
    public required ImmutableArray<(string Name, uint Id, int Parameters)?> Functions { get; init; }

    /// <summary>sock.sk_protocol.</summary>
    public required short Protocol { get; init; }

    /// <summary>sock.sk_err.</summary>
    public required short Error { get; init; }

    /// <summary>sock.sk_shutdown, two bits.</summary>
    public required BtfMember Shutdown { get; init; }

    /// <summary>sock.sk_max_ack_backlog.</summary>
    public required short Backlog { get; init; }

    /// <summary>sock_common.skc_num: the local port, in the machine's order.</summary>
    public required short LocalPort { get; init; }

    /// <summary>sock_common.skc_dport: the peer's port, in the network's order.</summary>
    public required short PeerPort { get; init; }

    /// <summary>tcp_sock.packets_out.</summary>
    public required short PacketsOut { get; init; }

    /// <summary>inet_sock.inet_sport, counted from tcp_sock: stays when the port is given back.</summary>
    public required short SourcePort { get; init; }

    /// <summary>task_struct.group_leader.</summary>
    public required int GroupLeader { get; init; }

    /// <summary>task_struct.comm.</summary>
    public required int TaskName { get; init; }

    /// <summary>sock.sk_cgrp_data.cgroup (val before Linux 5.15), cgroup.kn and kernfs_node.id; null where sockets have no cgroup (CONFIG_SOCK_CGROUP_DATA).</summary>
    public (short Pointer, int Node, int Id)? Cgroup { get; init; }

    /// <summary>Looks it all up.</summary>
    /// <param name="btf">The kernel's description of itself.</param>
    /// <exception cref="KernelReadException">Absent: this kernel is built otherwise; the message names what it lacks.</exception>
    public static KernelLayout Of(Btf btf)
    {
        uint tracepoint = btf.Find(BtfKind.Typedef, "btf_trace_inet_sock_set_state"u8);
        BtfMember common = Need(btf.Member("sock"u8, "__sk_common"u8), "sock.__sk_common");
        BtfMember protocol = Need(btf.Member("sock"u8, "sk_protocol"u8), "sock.sk_protocol");
        BtfMember connection = Need(btf.Member("tcp_sock"u8, "inet_conn"u8), "tcp_sock.inet_conn");
        BtfMember inet = Need(btf.Member(connection, "icsk_inet"u8), "inet_connection_sock.icsk_inet");
        BtfMember shutdown = Need(btf.Member("sock"u8, "sk_shutdown"u8), "sock.sk_shutdown");
        if (tracepoint == 0)
        {
            throw Lacks("the tracepoint inet_sock_set_state");
        }

        if (protocol.Bits != 0 || btf.SizeOf(protocol.Type) != 2)
        {
            throw Lacks("sock.sk_protocol as a number of 16 bits");
        }

        return new KernelLayout
        {
            StateTracepoint = tracepoint,
            Functions = FunctionsOf(btf),
            Protocol = protocol.Offset,
            Error = Wide(btf, "sk_err"u8, "sock.sk_err"),
            Shutdown = shutdown.Shift <= 6 ? shutdown : throw Lacks("sock.sk_shutdown within a byte"),
            Backlog = Wide(btf, "sk_max_ack_backlog"u8, "sock.sk_max_ack_backlog"),
            LocalPort = Need(btf.Member(common, "skc_num"u8), "sock_common.skc_num").Offset,
            PeerPort = Need(btf.Member(common, "skc_dport"u8), "sock_common.skc_dport").Offset,
            PacketsOut = Need(btf.Member("tcp_sock"u8, "packets_out"u8), "tcp_sock.packets_out").Offset,
            SourcePort = Need(btf.Member(inet, "inet_sport"u8), "inet_sock.inet_sport").Offset,
            GroupLeader = Need(btf.Member("task_struct"u8, "group_leader"u8), "task_struct.group_leader").Offset,
            TaskName = Need(btf.Member("task_struct"u8, "comm"u8), "task_struct.comm").Offset,
            Cgroup = CgroupOf(btf),
        };
    }

    private static ImmutableArray<(string, uint, int)?> FunctionsOf(Btf btf)
    {
        ImmutableArray<(string, uint, int)?>.Builder functions = ImmutableArray.CreateBuilder<(string, uint, int)?>(CallHook.All.Length);
        foreach (CallHook hook in CallHook.All)
        {
            (string, uint, int)? found = null;
            foreach (string name in hook.Functions)
            {
                uint id = btf.Find(BtfKind.Function, Encoding.ASCII.GetBytes(name));
                found ??= btf.ParametersOf(id) is { } parameters ? (name, id, parameters) : null;
            }

            functions.Add(found);
        }

        return functions.MoveToImmutable();
    }

    private static (short, int, int)? CgroupOf(Btf btf) =>
        btf.Member("sock"u8, "sk_cgrp_data"u8) is { } data && (btf.Member(data, "cgroup"u8) ?? btf.Member(data, "val"u8)) is { } pointer
            && btf.Member("cgroup"u8, "kn"u8) is { } node && btf.Member("kernfs_node"u8, "id"u8) is { } id ? (pointer.Offset, node.Offset, id.Offset) : null;

    private static short Wide(Btf btf, ReadOnlySpan<byte> member, string name)
    {
        BtfMember found = Need(btf.Member("sock"u8, member), name);
        return found.Bits == 0 && btf.SizeOf(found.Type) == sizeof(uint) ? found.Offset : throw Lacks($"{name} as a number of 32 bits");
    }

    private static BtfMember Need(BtfMember? member, string name) => member ?? throw Lacks(name);

    private static KernelReadException Lacks(string what) => new(FailureKind.Absent, "absent", $"{Btf.KernelPath}: this kernel has no {what}");
}
