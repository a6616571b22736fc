using static ConnExporter.Kernel.Bpf.Register;

namespace ConnExporter.Kernel.Bpf;

/// <summary>Which of the changes of state a program counts.</summary>
internal enum StateSide
{
    /// <summary>What programs do: connect(), close(), and connects that end within the call or by close().</summary>
    Calls,

    /// <summary>What comes from the network: answers to connects, or that none came, and the ends of handshakes.</summary>
    Answers,
}

/// <summary>
/// The programs at each change of a TCP socket's state: they tell from the states before and after, and from what the socket says of itself, how
/// connects ended, who closed first, and which handshakes this side completed.
/// </summary>
/// <remarks>
/// They read struct sock, write their own maps and nothing else. There are two because from Linux 6.1 on a program that an interrupt finds at work on a processor is not
/// called there a second time (kernel/trace/bpf_trace.c, __bpf_trace_run): one program would miss the answers that come in while it looks at a call. What is missed all the
/// same the kernel counts. The transitions (net/ipv4/tcp.c, tcp_ipv4.c, tcp_input.c):
/// <list type="bullet">
/// <item>CLOSE → SYN_SENT: connect() begins, in the context of the process; who that is is remembered, as the end may come in any context.</item>
/// <item>SYN_SENT → CLOSE with sk_err: the network's answer, or none (ETIMEDOUT).</item>
/// <item>SYN_SENT → CLOSE without: closed by the application where both directions are shut, or the SYN was sent (connect() with AF_UNSPEC); else
/// connect() failed before it sent anything, and without a port (skc_num and inet_sport are 0) for want of one.</item>
/// <item>ESTABLISHED → FIN_WAIT1: close() or shutdown() before the peer's.</item>
/// <item>SYN_RECV → ESTABLISHED: the last packet of a handshake came in.</item>
/// </list>
/// tcp_set_state() gives back a port that was not bound before it calls the tracepoint, so that skc_num is 0 after any unbound connect that failed: inet_sport is
/// what tells. A socket that had been connected before keeps its inet_sport; without a port it is counted as local.
/// </remarks>
internal static class StateProgram
{
    /// <summary>Of the states of a TCP socket (net/tcp_states.h).</summary>
    private const int Established = 1;
    private const int SynSent = 2;
    private const int SynRecv = 3;
    private const int FinWait1 = 4;
    private const int Close = 7;

    private const int ProtocolTcp = 6;
    private const int BothDirections = 3;

    // The stack: the key of what is counted, a number, the socket that is looked up, and whose it is.
    private const int Key = -SymptomKey.Length;
    private const int Number = Key - 8;
    private const int Socket = Number - 8;
    private const int Owner = Socket - SymptomMaps.PendingLength;

    /// <summary>Writes it.</summary>
    public static byte[] Write(KernelLayout kernel, SymptomMaps maps, StateSide side)
    {
        var program = new BpfAssembler();
        var counting = new SymptomCounting(program, maps, Key, Number);
        Label leaving = program.NewLabel();

        program.Move(R6, R1);
        program.Load(Width.Double, R7, R6, 8);
        program.Load(Width.Double, R8, R6, 16);
        program.JumpWord(When.Equal, R7, SynSent, leaving);
        if (side == StateSide.Calls)
        {
            Label established = program.NewLabel();
            program.JumpWord(When.Equal, R7, Established, established);
            program.JumpWord(When.NotEqual, R7, Close, counting.End);
            program.JumpWord(When.NotEqual, R8, SynSent, counting.End);
            Remember(program, kernel, maps, counting);

            program.Place(established);
            program.JumpWord(When.NotEqual, R8, FinWait1, counting.End);
            LoadSocket(program, kernel, counting);
            counting.Owner(kernel, Key);
            counting.Kind(SymptomKind.ClosedFirst);
            ServicePort(program, kernel);
            program.Jump(counting.Count);
        }
        else
        {
            program.JumpWord(When.NotEqual, R7, SynRecv, counting.End);
            program.JumpWord(When.NotEqual, R8, Established, counting.End);
            LoadSocket(program, kernel, counting);
            counting.NoOwner(Key);
            SocketCgroup(program, kernel);
            counting.Kind(SymptomKind.Accepted);
            program.Load(Width.Half, R1, R9, kernel.LocalPort);
            program.Store(Width.Half, Stack, Key + SymptomKey.PortOffset, R1);
            program.Jump(counting.Count);
        }

        program.Place(leaving);
        JudgeConnect(program, kernel, maps, counting, side);

        counting.Write();
        return program.ToBytes();
    }

    // r9 = the socket, if it is one of TCP: MPTCP has the same states for what is above its TCP sockets.
    private static void LoadSocket(BpfAssembler program, KernelLayout kernel, SymptomCounting counting)
    {
        program.Load(Width.Double, R9, R6, 0);
        program.Load(Width.Half, R1, R9, kernel.Protocol);
        program.Jump(When.NotEqual, R1, ProtocolTcp, counting.End);
    }

    private static void Remember(BpfAssembler program, KernelLayout kernel, SymptomMaps maps, SymptomCounting counting)
    {
        LoadSocket(program, kernel, counting);
        program.Store(Width.Double, Stack, Socket, R9);
        counting.Owner(kernel, Owner);
        program.StoreNumber(Width.Double, Stack, Owner + SymptomMaps.PendingErrorOffset, 0);
        program.LoadMap(R1, maps.Pending.Value);
        program.StackAddress(R2, Socket);
        program.StackAddress(R3, Owner);
        program.MoveNumber(R4, 0);
        program.Call(Helper.MapUpdate);
        program.Jump(When.Equal, R0, 0, counting.End);
        counting.Lose(SymptomKind.Unremembered);
    }

    // Connected, or an error that came from the network, is one program's; no error the other's. Whoever asks for SO_ERROR takes the error away, on another processor
    // perhaps between the two: the program that is called first leaves what it saw for the second.
    private static void JudgeConnect(BpfAssembler program, KernelLayout kernel, SymptomMaps maps, SymptomCounting counting, StateSide side)
    {
        Label failed = program.NewLabel();
        Label known = program.NewLabel();
        Label judge = program.NewLabel();
        Label port = program.NewLabel();

        LoadSocket(program, kernel, counting);
        program.Load(Width.Word, R7, R9, kernel.Error);
        program.Store(Width.Double, Stack, Socket, R9);
        if (side == StateSide.Calls)
        {
            program.JumpWord(When.NotEqual, R8, Close, counting.End);
            program.JumpWord(When.Equal, R7, 0, failed);
            Find(program, maps);
            program.Jump(When.Equal, R0, 0, counting.End);
            program.Store(Width.Word, R0, SymptomMaps.PendingErrorOffset, R7);
            program.Jump(counting.End);
            program.Place(failed);
        }
        else
        {
            program.JumpWord(When.Equal, R8, Close, failed);
            Forget(program, maps);
            program.Jump(counting.End);
            program.Place(failed);
        }

        // Whose it was. Connects that were under way when this program came have nobody.
        Find(program, maps);
        program.Jump(When.NotEqual, R0, 0, known);
        if (side == StateSide.Answers)
        {
            program.JumpWord(When.Equal, R7, 0, counting.End);
        }

        counting.NoOwner(Key);
        SocketCgroup(program, kernel);
        program.Jump(judge);
        program.Place(known);
        if (side == StateSide.Answers)
        {
            Label told = program.NewLabel();
            program.JumpWord(When.NotEqual, R7, 0, told);
            program.Load(Width.Word, R7, R0, SymptomMaps.PendingErrorOffset);
            program.JumpWord(When.Equal, R7, 0, counting.End);
            program.Place(told);
        }

        for (int offset = 0; offset < SymptomMaps.OwnerLength; offset += 8)
        {
            program.Load(Width.Double, R1, R0, offset);
            program.Store(Width.Double, Stack, Key + offset, R1);
        }

        Forget(program, maps);

        program.Place(judge);
        if (side == StateSide.Answers)
        {
            counting.Kind(SymptomKind.ConnectFailed);
            program.Store(Width.Half, Stack, Key + SymptomKey.ErrorOffset, R7);
        }
        else
        {
            JudgeCall(program, kernel, counting, port);
        }

        program.Place(port);
        program.Load(Width.Half, R1, R9, kernel.PeerPort);
        program.NetworkOrder(R1);
        program.Store(Width.Half, Stack, Key + SymptomKey.PortOffset, R1);
        program.Jump(counting.Count);
    }

    private static void JudgeCall(BpfAssembler program, KernelLayout kernel, SymptomCounting counting, Label port)
    {
        Label abandoned = program.NewLabel();
        Label local = program.NewLabel();
        program.Load(Width.Byte, R1, R9, kernel.Shutdown.Offset);
        program.ShiftRight(R1, kernel.Shutdown.Shift);
        program.And(R1, BothDirections);
        program.Jump(When.Equal, R1, BothDirections, abandoned);
        program.Move(R1, R9);
        program.Call(Helper.SocketToTcp);
        program.Jump(When.Equal, R0, 0, counting.End);
        program.Load(Width.Word, R1, R0, kernel.PacketsOut);
        program.Jump(When.NotEqual, R1, 0, abandoned);
        program.Load(Width.Half, R1, R0, kernel.SourcePort);
        program.Jump(When.NotEqual, R1, 0, local);
        program.Load(Width.Half, R1, R9, kernel.LocalPort);
        program.Jump(When.NotEqual, R1, 0, local);
        counting.Kind(SymptomKind.NoPort);
        program.Jump(port);
        program.Place(local);
        counting.Kind(SymptomKind.ConnectLocal);
        program.Jump(port);
        program.Place(abandoned);
        counting.Kind(SymptomKind.ConnectAbandoned);
    }

    // r0 = what is remembered of the socket, or 0.
    private static void Find(BpfAssembler program, SymptomMaps maps)
    {
        program.LoadMap(R1, maps.Pending.Value);
        program.StackAddress(R2, Socket);
        program.Call(Helper.MapLookup);
    }

    private static void Forget(BpfAssembler program, SymptomMaps maps)
    {
        program.LoadMap(R1, maps.Pending.Value);
        program.StackAddress(R2, Socket);
        program.Call(Helper.MapDelete);
    }

    // The port that was connected to: the peer's, or of an accepted socket its own. Such a socket begins as a copy of the listening one (net/core/sock.c,
    // sk_clone_lock) and keeps the backlog that was given to listen(); others have none.
    private static void ServicePort(BpfAssembler program, KernelLayout kernel)
    {
        Label connected = program.NewLabel();
        Label known = program.NewLabel();
        program.Load(Width.Word, R2, R9, kernel.Backlog);
        program.Jump(When.Equal, R2, 0, connected);
        program.Load(Width.Half, R1, R9, kernel.LocalPort);
        program.Jump(known);
        program.Place(connected);
        program.Load(Width.Half, R1, R9, kernel.PeerPort);
        program.NetworkOrder(R1);
        program.Place(known);
        program.Store(Width.Half, Stack, Key + SymptomKey.PortOffset, R1);
    }

    // Each step by a helper that reads any address, and 0 where that is none: before Linux 5.15 the pointer has flags in its lowest bits.
    private static void SocketCgroup(BpfAssembler program, KernelLayout kernel)
    {
        if (kernel.Cgroup is not { } cgroup)
        {
            return;
        }

        program.StoreNumber(Width.Double, Stack, Number, 0);
        program.Move(R3, R9);
        Read(program, cgroup.Pointer);
        program.Load(Width.Double, R3, Stack, Number);
        program.And(R3, -4);
        Read(program, cgroup.Node);
        program.Load(Width.Double, R3, Stack, Number);
        Read(program, cgroup.Id);
        program.Load(Width.Double, R1, Stack, Number);
        program.Store(Width.Double, Stack, Key, R1);
    }

    // Number = *(r3 + offset), or 0.
    private static void Read(BpfAssembler program, int offset)
    {
        program.Add(R3, offset);
        program.StackAddress(R1, Number);
        program.MoveNumber(R2, 8);
        program.Call(Helper.ReadKernel);
    }
}
