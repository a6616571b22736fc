using System.Diagnostics;
using ConnExporter.Kernel;

namespace ConnExporter.Fuzz;

/// <summary>Feeds one decoder with damaged inputs. The same seed and number of executions give the same inputs, everywhere.</summary>
internal sealed class Fuzzer
{
    private const int KeptBound = 4096;
    private const int KeptLength = 4096;

    // Some complaints repeat the input, so that each is new.
    private const int KeptRefusals = 256;
    private const int FindsBound = 8;
    private const int ShrinkBound = 4000;

    // By the clock of the thread: a busy machine makes no find.
    private static readonly TimeSpan SlowestAllowed = TimeSpan.FromSeconds(1);
    private readonly Decoder decoder;
    private readonly Dice dice;
    private readonly Mutator mutator;
    private readonly List<byte[]> corpus;
    private readonly HashSet<int> kinds = [];
    private int keptRefusals;

    /// <summary>A fuzzer of one decoder.</summary>
    /// <param name="decoder">The decoder.</param>
    /// <param name="seed">Other numbers, other inputs.</param>
    public Fuzzer(Decoder decoder, ulong seed)
    {
        this.decoder = decoder;
        dice = new Dice(seed);
        mutator = new Mutator(dice, decoder.Words, decoder.Lengths);
        corpus = [.. decoder.Seeds, .. Seeds.OfFinds(decoder.Name)];
    }

    /// <summary>Sees each input before the decoder does: what a process that dies leaves behind.</summary>
    public Action<ReadOnlySpan<byte>>? Before { get; init; }

    /// <summary>Executions so far.</summary>
    public long Executions { get; private set; }

    /// <summary>How many of them were refused.</summary>
    public long Refused { get; private set; }

    /// <summary>How many did what the decoder does not document.</summary>
    public long Escapes { get; private set; }

    /// <summary>How many kinds of result and refusal were seen.</summary>
    public int Kinds => kinds.Count;

    /// <summary>The most bytes allocated for each byte of an input of 1 kB or more.</summary>
    public double WorstRatio { get; private set; }

    /// <summary>The most bytes allocated for one input.</summary>
    public long MostAllocated { get; private set; }

    /// <summary>The longest time for one input.</summary>
    public TimeSpan Slowest { get; private set; }

    /// <summary>One of each kind of escape, made as short as it gets.</summary>
    public List<Find> Finds { get; } = [];

    /// <summary>Decodes the seeds and what was found before, then damaged inputs.</summary>
    /// <param name="executions">How many.</param>
    public void Run(long executions)
    {
        // Twice: the first call loads what the decoder needs.
        foreach (byte[] seed in corpus.ToArray().Append([]))
        {
            Attempt(seed, out _);
            Execute(seed);
        }

        for (long i = 0; i < executions; i++)
        {
            mutator.Make(corpus[dice.Below(corpus.Count)], corpus[dice.Below(corpus.Count)]);
            Execute(mutator.Input);
        }
    }

    /// <summary>Decodes one input.</summary>
    /// <returns>What is wrong; null where nothing is.</returns>
    public static string? Try(Decoder decoder, ReadOnlySpan<byte> input)
    {
        var fuzzer = new Fuzzer(decoder, 0);
        fuzzer.Attempt(input, out _);
        return fuzzer.Attempt(input, out _).Escape;
    }

    private void Execute(ReadOnlySpan<byte> input)
    {
        Before?.Invoke(input);
        long start = Stopwatch.GetTimestamp();
        Outcome outcome = Attempt(input, out long allocated);
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        Executions++;
        Refused += outcome.IsRefusal ? 1 : 0;
        MostAllocated = Math.Max(MostAllocated, allocated);
        WorstRatio = input.Length >= 1024 ? Math.Max(WorstRatio, (double)allocated / input.Length) : WorstRatio;
        if (took > Slowest)
        {
            Slowest = took;
            if (took > SlowestAllowed && outcome.Escape is null && CpuTime(input) > SlowestAllowed)
            {
                outcome = outcome with { Escape = "slow: more than a second" };
            }
        }

        if (outcome.Escape is { } escape)
        {
            Escapes++;
            Note(input, escape);
        }
        else if (kinds.Count < KeptBound && kinds.Add(outcome.Kind) && input.Length <= KeptLength && (!outcome.IsRefusal || keptRefusals++ < KeptRefusals))
        {
            corpus.Add(input.ToArray());
        }
    }

    private Outcome Attempt(ReadOnlySpan<byte> input, out long allocated)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        Outcome outcome;
        try
        {
            outcome = new Outcome(decoder.Run(input), IsRefusal: false, Escape: null);
        }
        catch (Exception e) when (decoder.Refusals.Contains(e.GetType()))
        {
            outcome = new Outcome(KindOf(e), IsRefusal: true, Escape: null);
        }
        catch (Exception e)
        {
            outcome = new Outcome(0, IsRefusal: false, Describe(e));
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        return outcome.Escape is null && allocated > (decoder.Allocation.PerByte * input.Length) + decoder.Allocation.Besides
            ? outcome with { Escape = $"allocation: more than {decoder.Allocation.PerByte} bytes for each of the input and {decoder.Allocation.Besides}" }
            : outcome;
    }

    // The exception and where it came from: the same find has the same text whatever the input was.
    private static string Describe(Exception e)
    {
        StackFrame? thrower = new StackTrace(e).GetFrames().FirstOrDefault(frame => frame.GetMethod()?.DeclaringType?.FullName?.StartsWith("ConnExporter.", StringComparison.Ordinal) == true && frame.GetMethod()!.DeclaringType != typeof(Promise));
        string where = thrower?.GetMethod() is { } method ? $"{method.DeclaringType?.Name}.{method.Name}" : "?";
        return e is BrokenPromiseException ? $"promise: {WithoutNumbers(e.Message)} ({where})" : $"{e.GetType().Name} in {where}";
    }

    // Of the words that are ours: a message of the kernel's readers ends with what it quotes, others end with the reason.
    private static int KindOf(Exception e)
    {
        string message = e.Message;
        int reason = e is KernelReadException ? 0 : message.LastIndexOf(": ", StringComparison.Ordinal) + 1;
        uint hash = (uint)e.GetType().Name.Length;
        foreach (char c in message.AsSpan(reason))
        {
            if (c is '\'' or ';')
            {
                break;
            }

            hash = char.IsAsciiDigit(c) ? hash : (hash ^ c) * 16777619;
        }

        return (int)hash | int.MinValue;
    }

    private static string WithoutNumbers(string text) => string.Concat(text.Where(c => !char.IsAsciiDigit(c)));

    private TimeSpan CpuTime(ReadOnlySpan<byte> input)
    {
        TimeSpan before = ThreadClock.CpuTime();
        Attempt(input, out _);
        return ThreadClock.CpuTime() - before;
    }

    private void Note(ReadOnlySpan<byte> input, string escape)
    {
        if (Finds.Count >= FindsBound || Finds.Any(find => find.Escape == escape))
        {
            return;
        }

        byte[] shortest = input.ToArray();
        int tries = 0;
        for (int size = shortest.Length / 2; size > 0; size /= 2)
        {
            for (int at = 0; at + size <= shortest.Length && tries < ShrinkBound; tries++)
            {
                byte[] shorter = [.. shortest[..at], .. shortest[(at + size)..]];
                if (Attempt(shorter, out _).Escape == escape)
                {
                    shortest = shorter;
                }
                else
                {
                    at += size;
                }
            }
        }

        Finds.Add(new Find(escape, shortest));
    }

    private readonly record struct Outcome(int Kind, bool IsRefusal, string? Escape);
}

/// <summary>What a decoder does that it should not, and a short input that makes it.</summary>
internal sealed record Find(string Escape, byte[] Input);
