namespace ConnExporter.Terminal.Top;

/// <summary>The last values of what is shown, for as long as it is there.</summary>
internal sealed class TopTrends
{
    /// <summary>Values that are kept of each.</summary>
    public const int Length = 30;

    private const int Bound = 10_000;
    private static readonly char[] Steps = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    private static readonly char[] PlainSteps = ['_', '.', '-', '=', '+', '*', '%', '#'];
    private Dictionary<string, List<double>> kept = new(StringComparer.Ordinal);
    private Dictionary<string, List<double>> next = new(StringComparer.Ordinal);

    /// <summary>Takes a value of the next frame.</summary>
    public void Add(string key, double value)
    {
        if (next.Count >= Bound || next.ContainsKey(key))
        {
            return;
        }

        List<double> values = kept.GetValueOrDefault(key) ?? [];
        if (values.Count == Length)
        {
            values.RemoveAt(0);
        }

        values.Add(value);
        next[key] = values;
    }

    /// <summary>Ends the frame: what it had no value of is forgotten.</summary>
    public void End() => (kept, next) = (next, new Dictionary<string, List<double>>(StringComparer.Ordinal));

    /// <summary>Draws the last values of one, the newest at the right, between 0 and the largest of them.</summary>
    /// <param name="key">Of what.</param>
    /// <param name="width">Columns.</param>
    /// <param name="isPlain">Whether only ASCII can be shown.</param>
    public string Draw(string key, int width, bool isPlain)
    {
        if (!kept.TryGetValue(key, out List<double>? values))
        {
            return new string(' ', width);
        }

        char[] steps = isPlain ? PlainSteps : Steps;
        double most = values.Max();
        IEnumerable<char> drawn = values.Skip(Math.Max(0, values.Count - width)).Select(value => most <= 0 ? steps[0] : steps[(int)Math.Min(steps.Length - 1, value / most * steps.Length)]);
        return string.Concat(drawn).PadLeft(width);
    }
}
