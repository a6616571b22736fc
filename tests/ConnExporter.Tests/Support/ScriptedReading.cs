using System.Collections;
using System.Diagnostics.CodeAnalysis;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Tests.Support;

/// <summary>Readings of one number that a test chooses, with two series of it: of <see cref="Setting"/> and of <see cref="Twin"/>.</summary>
internal static class ScriptedReading
{
    public const string Family = "conn_sysctl";
    public const string Setting = SettingCatalogue.SynBacklog;
    public const string Twin = SettingCatalogue.SoMaxConn;

    /// <summary>Makes one.</summary>
    /// <param name="value">The number.</param>
    /// <param name="place">The label <c>netns</c> of its series.</param>
    /// <param name="writing">Called when the series are written.</param>
    public static SettingsReading Of(ulong value, string place = "self", Action? writing = null) => new(place, new Values($"{value}", writing), null, []);

    // Asked for one setting after the other whenever a page is written.
    private sealed class Values(string value, Action? asked) : IReadOnlyDictionary<string, string>
    {
        public IEnumerable<string> Keys => [Setting, Twin];

        IEnumerable<string> IReadOnlyDictionary<string, string>.Values => [value, value];

        public int Count => 2;

        public string this[string key] => TryGetValue(key, out string? text) ? text : throw new KeyNotFoundException(key);

        public bool ContainsKey(string key) => key is Setting or Twin;

        public bool TryGetValue(string key, [MaybeNullWhen(false)] out string text)
        {
            if (key == Setting)
            {
                asked?.Invoke();
            }

            text = ContainsKey(key) ? value : null;
            return text is not null;
        }

        public IEnumerator<KeyValuePair<string, string>> GetEnumerator() => Keys.Select(key => KeyValuePair.Create(key, value)).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
