using System.Runtime.InteropServices;

namespace ConnExporter.Kernel.Bpf;

/// <summary>The registers of the virtual machine. Calls take r1 to r5, answer in r0 and leave r6 to r9 alone; r10 is the end of the stack.</summary>
internal enum Register : byte
{
    R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, Stack,
}

/// <summary>How much a load or store moves (linux/bpf_common.h).</summary>
internal enum Width : byte
{
    Byte = 0x10,
    Half = 0x08,
    Word = 0x00,
    Double = 0x18,
}

/// <summary>When a jump is taken; numbers without a sign where not said otherwise.</summary>
internal enum When : byte
{
    Always = 0x00,
    Equal = 0x10,
    AtLeast = 0x30,
    NotEqual = 0x50,
    AtLeastSigned = 0x70,
    AtMost = 0xb0,
}

/// <summary>The functions of the kernel that the programs call (linux/bpf.h, BPF_FUNC_*).</summary>
internal enum Helper
{
    MapLookup = 1,
    MapUpdate = 2,
    MapDelete = 3,
    GetCurrentProcessAndThread = 14,
    GetCurrentTask = 35,
    GetCurrentCgroup = 80,
    ReadKernel = 113,
    SocketToTcp = 137,
}

/// <summary>A place in a program that jumps lead to.</summary>
internal readonly record struct Label(int Number);

/// <summary>Writes programs for the kernel's virtual machine, instruction by instruction (Documentation/bpf/standardization/instruction-set.rst).</summary>
internal sealed class BpfAssembler
{
    /// <summary>Bytes of an instruction: code, registers, offset, immediate.</summary>
    public const int InstructionLength = 8;

    private const byte ClassLoad = 0x01;
    private const byte ClassStoreImmediate = 0x02;
    private const byte ClassStore = 0x03;
    private const byte Class32 = 0x04;
    private const byte ClassJump = 0x05;
    private const byte ClassJump32 = 0x06;
    private const byte Class64 = 0x07;
    private const byte ModeMemory = 0x60;
    private const byte ModeAtomic = 0xc0;
    private const byte FromRegister = 0x08;
    private const byte OpAdd = 0x00;
    private const byte OpAnd = 0x50;
    private const byte OpShiftRight = 0x70;
    private const byte OpNegate = 0x80;
    private const byte OpMove = 0xb0;
    private const byte OpByteOrder = 0xd0;
    private const byte OpCall = 0x80;
    private const byte OpExit = 0x90;
    private const byte LoadImmediate64 = 0x18;
    private const Register MapByDescriptor = Register.R1;

    // An instruction without one has 0 there.
    private const Register None = Register.R0;

    private readonly List<ulong> code = [];
    private readonly List<int> places = [];
    private readonly List<(int Instruction, Label Target)> jumps = [];

    /// <summary>Instructions so far.</summary>
    public int Count => code.Count;

    /// <summary>A place that is not in the program yet.</summary>
    public Label NewLabel()
    {
        places.Add(-1);
        return new Label(places.Count - 1);
    }

    /// <summary>Puts a place here.</summary>
    public void Place(Label label) => places[label.Number] = code.Count;

    /// <summary><paramref name="into"/> = *(<paramref name="from"/> + offset)</summary>
    public void Load(Width width, Register into, Register from, int offset) => Emit((byte)(ClassLoad | ModeMemory | (byte)width), into, from, offset, 0);

    /// <summary>*(<paramref name="to"/> + offset) = <paramref name="value"/></summary>
    public void Store(Width width, Register to, int offset, Register value) => Emit((byte)(ClassStore | ModeMemory | (byte)width), to, value, offset, 0);

    /// <summary>*(<paramref name="to"/> + offset) = number</summary>
    public void StoreNumber(Width width, Register to, int offset, int number) => Emit((byte)(ClassStoreImmediate | ModeMemory | (byte)width), to, None, offset, number);

    /// <summary>Adds to 64 bits of memory, whichever processor does so at the same time.</summary>
    public void AtomicAdd(Register to, int offset, Register amount) => Emit((byte)(ClassStore | ModeAtomic | (byte)Width.Double), to, amount, offset, OpAdd);

    /// <summary>Copies 64 bits.</summary>
    public void Move(Register into, Register from) => Emit(Class64 | OpMove | FromRegister, into, from, 0, 0);

    /// <summary>Sets a register.</summary>
    public void MoveNumber(Register into, int number) => Emit(Class64 | OpMove, into, None, 0, number);

    /// <summary>Adds a number.</summary>
    public void Add(Register to, int number) => Emit(Class64 | OpAdd, to, None, 0, number);

    /// <summary>Keeps the bits of a mask.</summary>
    public void And(Register of, int mask) => Emit(Class64 | OpAnd, of, None, 0, mask);

    /// <summary>Shifts right, zeros from the left.</summary>
    public void ShiftRight(Register of, int bits) => Emit(Class64 | OpShiftRight, of, None, 0, bits);

    /// <summary>Changes the sign of 64 bits.</summary>
    public void Negate(Register of) => Emit(Class64 | OpNegate, of, None, 0, 0);

    /// <summary>Turns the lower 16 bits from the network's order into the machine's, or back; the others become 0.</summary>
    public void NetworkOrder(Register of) => Emit(Class32 | OpByteOrder | FromRegister, of, None, 0, 16);

    /// <summary>Jumps.</summary>
    public void Jump(Label target) => JumpTo(target, ClassJump | (byte)When.Always, None, None, 0);

    /// <summary>Jumps where 64 bits compare so with a number.</summary>
    public void Jump(When when, Register left, int right, Label target) => JumpTo(target, (byte)(ClassJump | (byte)when), left, None, right);

    /// <summary>Jumps where the lower 32 bits compare so with a number.</summary>
    public void JumpWord(When when, Register left, int right, Label target) => JumpTo(target, (byte)(ClassJump32 | (byte)when), left, None, right);

    /// <summary>Jumps where two registers compare so.</summary>
    public void Jump(When when, Register left, Register right, Label target) => JumpTo(target, (byte)(ClassJump | (byte)when | FromRegister), left, right, 0);

    /// <summary>Calls a function of the kernel.</summary>
    public void Call(Helper helper) => Emit(ClassJump | OpCall, None, None, 0, (int)helper);

    /// <summary>Loads a map by its descriptor; takes two instructions.</summary>
    public void LoadMap(Register into, int descriptor)
    {
        Emit(LoadImmediate64, into, MapByDescriptor, 0, descriptor);
        Emit(0, None, None, 0, 0);
    }

    /// <summary><paramref name="into"/> = stack + offset</summary>
    public void StackAddress(Register into, int offset)
    {
        Move(into, Register.Stack);
        Add(into, offset);
    }

    /// <summary>Ends the program with 0.</summary>
    public void Exit()
    {
        MoveNumber(Register.R0, 0);
        Emit(ClassJump | OpExit, None, None, 0, 0);
    }

    /// <summary>The program, with its jumps.</summary>
    /// <exception cref="InvalidOperationException">A place is jumped to that is nowhere.</exception>
    public byte[] ToBytes()
    {
        ulong[] whole = [.. code];
        foreach ((int instruction, Label target) in jumps)
        {
            int place = places[target.Number];
            if (place < 0)
            {
                throw new InvalidOperationException($"instruction {instruction} jumps to a place that is nowhere");
            }

            // Counted from the next instruction.
            whole[instruction] |= (ulong)(ushort)checked((short)(place - instruction - 1)) << 16;
        }

        return MemoryMarshal.AsBytes<ulong>(whole).ToArray();
    }

    private void JumpTo(Label target, byte operation, Register left, Register right, int number)
    {
        jumps.Add((code.Count, target));
        Emit(operation, left, right, 0, number);
    }

    // The two registers share a byte, the first in its lower half (of a little-endian machine, the only kind this program is built for).
    private void Emit(byte operation, Register to, Register from, int offset, int number) =>
        code.Add(operation | ((ulong)((byte)to | (byte)from << 4) << 8) | ((ulong)(ushort)checked((short)offset) << 16) | ((ulong)(uint)number << 32));
}
