using System.Globalization;
using System.IO.MemoryMappedFiles;

namespace ConnExporter.Fuzz;

/// <summary>Feeds decoders with damaged inputs and says what became of them. See docs/fuzzing.md.</summary>
internal static class Program
{
    private const int Fine = 0;
    private const int Found = 1;
    private const int Usage = 2;
    private const int Hung = 3;
    private const ulong UsualSeed = 1;

    // Nothing takes a second; a machine that swaps is given this long.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static int Main(string[] args)
    {
        if (args is ["list"])
        {
            foreach (Decoder decoder in DecoderList.All)
            {
                Console.WriteLine(decoder.Name);
            }

            return Fine;
        }

        if (args is ["try", var name, var file])
        {
            return Try(Choose(name), file);
        }

        ulong seed = UsualSeed;
        if (args is not [var names, var count, .. var rest] || !long.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out long executions)
            || !(rest is [] || (rest is ["--seed", var given] && ulong.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out seed)))
            || Choose(names) is not { Length: > 0 } chosen)
        {
            Console.Error.WriteLine("usage: list | try DECODER FILE | all|DECODER[,DECODER...] EXECUTIONS [--seed N]");
            return Usage;
        }

        return Run(chosen, executions, seed);
    }

    private static Decoder[] Choose(string names) => [.. DecoderList.All.Where(decoder => names == "all" || names.Split(',').Contains(decoder.Name))];

    private static int Try(Decoder[] decoders, string file)
    {
        int result = Fine;
        foreach (Decoder decoder in decoders)
        {
            string? escape = Fuzzer.Try(decoder, File.ReadAllBytes(file));
            Console.WriteLine($"{decoder.Name}: {escape ?? "fine"}");
            result = escape is null ? result : Found;
        }

        return result;
    }

    private static int Run(Decoder[] decoders, long executions, ulong seed)
    {
        string folder = Path.Join(Seeds.Root, "artifacts", "fuzz");
        Directory.CreateDirectory(folder);
        Console.WriteLine($"seed {seed}");
        Console.WriteLine($"{"decoder",-18} {"executions",11} {"refused",8} {"kinds",6} {"escapes",8} {"bytes/byte",11} {"most bytes",11} {"slowest",9} {"us each",8}");
        int result = Fine;
        foreach (Decoder decoder in decoders)
        {
            // With its blocks, and of this process alone: a mapped page that the disk has no room for, or that another cuts off, ends the process.
            string last = Path.Join(folder, $"{decoder.Name}.{Environment.ProcessId}.last");
            File.WriteAllBytes(last, new byte[sizeof(int) + Mutator.Longest]);
            using var memory = MemoryMappedFile.CreateFromFile(last, FileMode.Open);
            using MemoryMappedViewAccessor view = memory.CreateViewAccessor();
            var fuzzer = new Fuzzer(decoder, seed) { Before = input => Keep(view, input) };
            using (new Timer(_ => ExitIfHung(fuzzer, decoder, folder, view), null, Patience, Patience))
            {
                long start = TimeProvider.System.GetTimestamp();
                fuzzer.Run(executions);
                TimeSpan took = TimeProvider.System.GetElapsedTime(start);
                Console.WriteLine(
                    $"{decoder.Name,-18} {fuzzer.Executions,11} {100.0 * fuzzer.Refused / fuzzer.Executions,7:0}% {fuzzer.Kinds,6} {fuzzer.Escapes,8} {fuzzer.WorstRatio,11:0.0} {fuzzer.MostAllocated,11} {fuzzer.Slowest.TotalMilliseconds,6:0} ms {took.TotalMicroseconds / fuzzer.Executions,8:0.0}");
            }

            for (int i = 0; i < fuzzer.Finds.Count; i++)
            {
                string path = Path.Join(folder, $"{decoder.Name}-{i + 1}");
                File.WriteAllBytes(path, fuzzer.Finds[i].Input);
                Console.WriteLine($"  {fuzzer.Finds[i].Escape}: {path}");
                result = Found;
            }

            File.Delete(last);
        }

        return result;
    }

    // In memory that the kernel keeps when the process dies: a stack overflow leaves nothing else behind.
    private static unsafe void Keep(MemoryMappedViewAccessor view, ReadOnlySpan<byte> input)
    {
        byte* memory = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref memory);
        try
        {
            *(int*)memory = input.Length;
            input.CopyTo(new Span<byte>(memory + sizeof(int), Mutator.Longest));
        }
        finally
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
        }
    }

    private static long executedBefore = -1;

    private static void ExitIfHung(Fuzzer fuzzer, Decoder decoder, string folder, MemoryMappedViewAccessor view)
    {
        if (fuzzer.Executions != executedBefore)
        {
            executedBefore = fuzzer.Executions;
            return;
        }

        byte[] input = new byte[view.ReadInt32(0)];
        view.ReadArray(sizeof(int), input, 0, input.Length);
        string path = Path.Join(folder, decoder.Name + "-hangs");
        File.WriteAllBytes(path, input);
        Console.Error.WriteLine($"{decoder.Name} has not come back for {Patience.TotalSeconds} s: {path}");
        Environment.Exit(Hung);
    }
}
