using ConnExporter.Fuzz.Decoders;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Bpf;

namespace ConnExporter.Tests.Kernel.Bpf;

public class BtfTests
{
    private static readonly byte[] Small = KernelTypes.Small().ToBytes();

    [Fact]
    public void Every_kind_is_passed_over_at_its_length()
    {
        var btf = Btf.Parse("x", Small);

        btf.Count.ShouldBe(16);
        btf.Find(BtfKind.Integer, "int"u8).ShouldBe(1u);
        btf.Find(BtfKind.TypeTag, "rcu"u8).ShouldBe(16u, "the last one, behind all others");
    }

    [Fact]
    public void A_name_is_found_whole_and_of_its_kind_only()
    {
        var btf = Btf.Parse("x", Small);

        btf.Find(BtfKind.Struct, "oute"u8).ShouldBe(0u);
        btf.Find(BtfKind.Struct, "uter"u8).ShouldBe(0u);
        btf.Find(BtfKind.Union, "outer"u8).ShouldBe(0u);
        btf.Find(BtfKind.Struct, "outer"u8).ShouldBe(4u);
    }

    [Fact]
    public void A_member_of_nested_structs_without_a_name_counts_from_the_outermost()
    {
        BtfMember? deep = Btf.Parse("x", Small).Member("outer"u8, "deep"u8);

        deep.ShouldNotBeNull().BitOffset.ShouldBe(96u);
        deep.Value.Offset.ShouldBe((short)12);
        Btf.Parse("x", Small).SizeOf(deep.Value.Type).ShouldBe(4u);
        Btf.Parse("x", Small).Member("outer"u8, "none"u8).ShouldBeNull();
        Btf.Parse("x", Small).Member("none"u8, "deep"u8).ShouldBeNull();
    }

    [Fact]
    public void A_function_has_parameters_and_a_struct_has_none()
    {
        var btf = Btf.Parse("x", Small);

        btf.ParametersOf(btf.Find(BtfKind.Function, "call"u8)).ShouldBe(2);
        btf.ParametersOf(btf.Find(BtfKind.Struct, "outer"u8)).ShouldBeNull();
        btf.ParametersOf(0).ShouldBeNull();
        btf.ParametersOf(99).ShouldBeNull();
    }

    [Fact]
    public void Types_beyond_the_first_256_are_found_by_number()
    {
        var builder = new BtfBuilder();
        uint last = 0;
        for (int i = 0; i < 1000; i++)
        {
            last = builder.Add(BtfKind.Struct, $"s{i}", 4, 1, builder.Member("m", last, 8 * (uint)i));
        }

        byte[] bytes = builder.ToBytes();

        Btf.Parse("x", bytes).Member("s777"u8, "m"u8).ShouldBe(new BtfMember(8 * 777, 0, 777));
        Btf.Parse("x", bytes).SizeOf(777).ShouldBe(4u);
    }

    [Fact]
    public void No_truncation_is_taken_for_the_whole()
    {
        for (int length = 0; length < Small.Length; length++)
        {
            byte[] cut = Small[..length];
            Should.Throw<KernelReadException>(() => Btf.Parse("x", cut)).Kind.ShouldBe(FailureKind.Broken);
        }
    }

    [Fact]
    public void A_kind_that_is_not_known_is_named()
    {
        var builder = new BtfBuilder();
        builder.Add((BtfKind)25, "new", 0, 0, []);
        byte[] bytes = builder.ToBytes();

        Should.Throw<KernelReadException>(() => Btf.Parse("/sys/x", bytes)).Message.ShouldBe("/sys/x: type 1 is cut, or of a kind that is not known here (25)");
    }

    [Fact]
    public void The_layout_is_where_the_types_say_and_bit_fields_have_their_bit()
    {
        var layout = KernelLayout.Of(Btf.Parse("x", KernelTypes.Kernel().ToBytes()));

        layout.PeerPort.ShouldBe((short)12);
        layout.LocalPort.ShouldBe((short)14);
        layout.Error.ShouldBe((short)16);
        layout.Shutdown.Offset.ShouldBe((short)20);
        layout.Shutdown.Shift.ShouldBe(2);
        layout.Protocol.ShouldBe((short)22);
        layout.Backlog.ShouldBe((short)32);
        layout.SourcePort.ShouldBe((short)66);
        layout.PacketsOut.ShouldBe((short)100);
        layout.GroupLeader.ShouldBe(2000);
        layout.Cgroup.ShouldBe(((short)24, 8, 4));
        layout.StateTracepoint.ShouldBe(16u);
        layout.Functions.Select(function => function?.Name).ShouldBe([null, "alloc_fd", null]);
        layout.Functions[1]!.Value.Parameters.ShouldBe(3);
    }

    [Fact]
    public void A_kernel_without_what_the_programs_need_is_named_by_what_it_lacks() =>
        Should.Throw<KernelReadException>(() => KernelLayout.Of(Btf.Parse("x", Small))).Message.ShouldContain("this kernel has no sock.__sk_common");
}
