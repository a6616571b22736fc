using YamlDotNet.RepresentationModel;

namespace ConnExporter.Configuration;

/// <summary>The YAML file: the same keys as the command line, nested at the dots or written out.</summary>
internal static class ConfigFile
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ConfigurationException">It cannot be read, is no YAML, or has an unknown or duplicate key; the message names the line.</exception>
    public static List<Given> Read(string path) => Parse(path, YamlFile.ReadText(path, Settings.ConfigFile));

    /// <summary>Reads the text of a file.</summary>
    /// <param name="path">The file's name, for messages.</param>
    /// <param name="text">The text.</param>
    /// <exception cref="ConfigurationException">As <see cref="Read"/>.</exception>
    public static List<Given> Parse(string path, string text)
    {
        var values = new List<Given>();
        if (YamlFile.Parse(path, text) is { } root)
        {
            Walk(path, "", root, values);
        }

        foreach (IGrouping<string, Given> given in values.GroupBy(given => given.Setting.Key).Where(group => !group.First().Setting.Repeatable && group.Count() > 1))
        {
            throw new ConfigurationException($"{given.Last().Place}: the key is given twice");
        }

        return values;
    }

    private static void Walk(string path, string prefix, YamlMappingNode mapping, List<Given> values)
    {
        foreach ((YamlNode key, YamlNode value) in mapping.Children)
        {
            string name = key is YamlScalarNode { Value: { } text } ? prefix + text : throw new ConfigurationException($"{path}:{key.Start.Line}: expected a key");
            string place = $"{path}:{key.Start.Line}: {name}";
            Setting? setting = Settings.Find(name);
            switch (value)
            {
                case YamlScalarNode when setting is null && YamlScalar.IsNull(value) && IsSection(name):
                    break;
                case YamlMappingNode nested when setting is null ? IsSection(name) : setting.Kind == SettingKind.Switch:
                    Walk(path, name + ".", nested, values);
                    break;
                case YamlSequenceNode sequence when setting is { Repeatable: true }:
                    values.AddRange(sequence.Children.Select(item => new Given(setting, Scalar(place, item), place)));
                    break;
                default:
                    if (setting is null || setting.Key == Settings.ConfigFile)
                    {
                        throw new ConfigurationException($"{place}: no such key{Suggestion.For(name, Settings.All.Select(known => known.Key))}");
                    }

                    if (!YamlScalar.IsNull(value))
                    {
                        values.Add(new Given(setting, setting.Kind == SettingKind.Switch ? Switch(place, value) : Scalar(place, value), place));
                    }

                    break;
            }
        }
    }

    private static bool IsSection(string name) => Settings.All.Any(known => known.Key.StartsWith(name + ".", StringComparison.Ordinal));

    private static string Switch(string place, YamlNode node) => YamlScalar.Boolean(node) switch
    {
        true => "true",
        false => "false",
        null => Scalar(place, node),
    };

    private static string Scalar(string place, YamlNode node) =>
        node is YamlScalarNode { Value: { } text } ? text : throw new ConfigurationException($"{place}: expected one value");
}
