using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using ConnExporter.Fuzz;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Probes;

namespace ConnExporter.Tests.Fuzzing;

/// <summary>Every decoder is given damaged inputs: none makes it do what it does not document. docs/fuzzing.md tells how to run more of it.</summary>
public class FuzzTests
{
    private const ulong Seed = 20261121;

    // Ten million of each are a night's work of the console program.
    private static readonly int Executions =
        int.TryParse(Environment.GetEnvironmentVariable("CONN_EXPORTER_FUZZ_EXECUTIONS"), CultureInfo.InvariantCulture, out int executions) ? executions : 100_000;

    public static TheoryData<string> Decoders => [.. DecoderList.All.Select(decoder => decoder.Name)];

    public static TheoryData<string, string> Finds
    {
        get
        {
            var finds = new TheoryData<string, string>();
            foreach (string decoder in DecoderList.All.Select(decoder => decoder.Name).Where(name => Directory.Exists(Seeds.FindsOf(name))))
            {
                foreach (string file in Directory.GetFiles(Seeds.FindsOf(decoder)).Order(StringComparer.Ordinal))
                {
                    finds.Add(decoder, Path.GetFileName(file));
                }
            }

            return finds;
        }
    }

    [Theory]
    [MemberData(nameof(Decoders))]
    public void Damaged_inputs_are_understood_or_refused(string decoder)
    {
        var fuzzer = new Fuzzer(Of(decoder), Seed);

        fuzzer.Run(Executions);

        fuzzer.Finds.Select(find => $"{find.Escape}: {Convert.ToBase64String(find.Input)}").ShouldBeEmpty();
        fuzzer.Escapes.ShouldBe(0);
        fuzzer.Executions.ShouldBeGreaterThan(Executions);
        fuzzer.Refused.ShouldBeLessThan(fuzzer.Executions, "some are understood");
    }

    [Theory]
    [MemberData(nameof(Finds))]
    public void What_was_found_once_stays_mended(string decoder, string find) =>
        Fuzzer.Try(Of(decoder), File.ReadAllBytes(Path.Join(Seeds.FindsOf(decoder), find))).ShouldBeNull();

    [Fact]
    public void Every_decoder_of_the_kernels_bytes_is_fuzzed()
    {
        // Those left out make the message of a refusal, and ask the kernel about a name.
        string[] parsers =
        [
            .. typeof(KernelReadException).Assembly.GetExportedTypes().Where(type => type != typeof(KernelReadException) && type != typeof(DatagramProbe))
                .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.DeclaredOnly))
                .Where(method => method.GetParameters().Any(parameter => parameter.ParameterType == typeof(ReadOnlySpan<byte>)))
                .Select(method => $"{method.DeclaringType!.Name}.{method.Name}").Distinct(),
        ];

        parsers.Length.ShouldBeGreaterThan(15);
        parsers.Except(DecoderList.All.SelectMany(decoder => decoder.Methods)).ShouldBeEmpty();
    }

    [Fact]
    public void Names_of_decoders_are_unique_and_each_has_something_valid_to_begin_with()
    {
        DecoderList.All.Select(decoder => decoder.Name).ShouldBeUnique();
        foreach (Decoder decoder in DecoderList.All)
        {
            decoder.Seeds.ShouldNotBeEmpty(decoder.Name);
            decoder.Seeds.Any(seed => IsUnderstood(decoder, seed)).ShouldBeTrue(decoder.Name);
        }
    }

    [Fact]
    public void A_number_that_overflows_is_found_and_made_short()
    {
        Find find = FindOf(Planted(input =>
        {
            int equals = input.IndexOf("port="u8);
            return equals >= 0 && ulong.TryParse(input[(equals + 5)..], out ulong port) ? checked((ushort)port) : 0;
        }));

        find.Escape.ShouldStartWith("OverflowException in ");
        find.Input.Length.ShouldBeLessThan(30);
    }

    [Fact]
    public void A_length_that_is_believed_is_found() => FindOf(new Decoder
    {
        Name = "planted",
        Methods = [],
        Seeds = [[4, 0, 1, 1, 6, 0, 1, 1, 1, 1]],
        Lengths = (_, dice) => (dice.Once(2) ? 0 : 4, 2),
        Run = input => input.Length < 2 ? 0 : input[..BitConverter.ToUInt16(input)].Length,
    }).Escape.ShouldStartWith("ArgumentOutOfRangeException in ");

    [Fact]
    public void A_promise_that_is_broken_is_found() => FindOf(Planted(input =>
    {
        Promise.Holds(input.Count((byte)'\n') < 3, "at most two lines");
        return 0;
    })).Escape.ShouldStartWith("promise: at most two lines");

    [Fact]
    public void An_allocation_out_of_proportion_is_found() =>
        FindOf(Planted(input => input.StartsWith("1"u8) ? new byte[100_000].Length : 0)).Escape.ShouldStartWith("allocation: ");

    [Fact]
    public void A_number_that_is_nowhere_in_the_input_is_found() => FindOf(Planted(input =>
    {
        if (input.Contains((byte)'7'))
        {
            Promise.IsIn(input, 1_234_567_890);
        }

        return 0;
    })).Escape.ShouldStartWith("promise: ");

    [Fact]
    public void Inputs_that_give_something_new_are_built_upon()
    {
        // Letter by letter: at random nobody would come upon the whole word.
        Find find = FindOf(Planted(input =>
        {
            int right = input.CommonPrefixLength("zebra"u8);
            return right < 5 ? right : throw new InvalidOperationException("found");
        }), executions: 1_000_000);

        find.Input.ShouldBe("zebra"u8.ToArray());
    }

    [Fact]
    public void The_same_seed_gives_the_same_inputs()
    {
        DigestOf(5).ShouldBe(DigestOf(5));
        DigestOf(5).ShouldNotBe(DigestOf(6));
    }

    private static Decoder Of(string name) => DecoderList.All.Single(decoder => decoder.Name == name);

    private static Decoder Planted(Decode run) => new() { Name = "planted", Methods = [], Seeds = Seeds.Texts("port=80\nx\n", "1\n"), Run = run };

    private static Find FindOf(Decoder decoder, int executions = 100_000)
    {
        var fuzzer = new Fuzzer(decoder, Seed);
        fuzzer.Run(executions);
        fuzzer.Escapes.ShouldBeGreaterThan(0);
        return fuzzer.Finds.ShouldHaveSingleItem();
    }

    private static bool IsUnderstood(Decoder decoder, byte[] seed)
    {
        try
        {
            decoder.Run(seed);
            return true;
        }
        catch (Exception e) when (decoder.Refusals.Contains(e.GetType()))
        {
            return false;
        }
    }

    private static string DigestOf(ulong seed)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        new Fuzzer(Of("snmp"), seed) { Before = digest.AppendData }.Run(1000);
        return Convert.ToHexString(digest.GetHashAndReset());
    }
}
