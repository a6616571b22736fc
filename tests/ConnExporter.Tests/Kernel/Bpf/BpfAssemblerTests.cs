using ConnExporter.Kernel.Bpf;
using static ConnExporter.Kernel.Bpf.Register;

namespace ConnExporter.Tests.Kernel.Bpf;

/// <summary>The bytes are those of the kernel's own documents and of llvm-objdump.</summary>
public class BpfAssemblerTests
{
    [Fact]
    public void Each_instruction_has_its_bytes()
    {
        Of(program => program.Move(R6, R1)).ShouldBe("BF16000000000000");
        Of(program => program.MoveNumber(R2, 16)).ShouldBe("B702000010000000");
        Of(program => program.Add(R2, -8)).ShouldBe("07020000F8FFFFFF");
        Of(program => program.And(R1, 3)).ShouldBe("5701000003000000");
        Of(program => program.ShiftRight(R0, 32)).ShouldBe("7700000020000000");
        Of(program => program.Negate(R7)).ShouldBe("8707000000000000");
        Of(program => program.NetworkOrder(R1)).ShouldBe("DC01000010000000");
        Of(program => program.Load(Width.Double, R1, R6, 8)).ShouldBe("7961080000000000");
        Of(program => program.Load(Width.Word, R1, R9, 4)).ShouldBe("6191040000000000");
        Of(program => program.Load(Width.Half, R1, R9, 14)).ShouldBe("69910E0000000000");
        Of(program => program.Load(Width.Byte, R1, R9, 1)).ShouldBe("7191010000000000");
        Of(program => program.Store(Width.Double, Stack, -8, R1)).ShouldBe("7B1AF8FF00000000");
        Of(program => program.StoreNumber(Width.Word, Stack, -8, 5)).ShouldBe("620AF8FF05000000");
        Of(program => program.AtomicAdd(R0, 0, R1)).ShouldBe("DB10000000000000");
        Of(program => program.Call(Helper.MapLookup)).ShouldBe("8500000001000000");
        Of(program => program.LoadMap(R1, 7)).ShouldBe("18110000070000000000000000000000");
        Of(program => program.Exit()).ShouldBe("B7000000000000009500000000000000");
    }

    [Fact]
    public void Jumps_count_from_the_instruction_behind_them()
    {
        var program = new BpfAssembler();
        Label end = program.NewLabel();
        program.Jump(When.Equal, R0, 0, end);
        program.JumpWord(When.NotEqual, R7, -24, end);
        program.Jump(When.AtMost, R1, R2, end);
        program.Place(end);
        program.Jump(end);

        Convert.ToHexString(program.ToBytes()).ShouldBe("1500020000000000" + "56070100E8FFFFFF" + "BD21000000000000" + "0500FFFF00000000");
    }

    [Fact]
    public void A_jump_to_nowhere_is_refused()
    {
        var program = new BpfAssembler();
        program.Jump(program.NewLabel());

        Should.Throw<InvalidOperationException>(program.ToBytes);
    }

    [Fact]
    public void An_offset_that_does_not_fit_is_refused() => Should.Throw<OverflowException>(() => new BpfAssembler().Load(Width.Byte, R1, R2, 40_000));

    private static string Of(Action<BpfAssembler> write)
    {
        var program = new BpfAssembler();
        write(program);
        return Convert.ToHexString(program.ToBytes());
    }
}
