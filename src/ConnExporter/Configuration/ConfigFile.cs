using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace ConnExporter.Configuration;

/// <summary>The YAML file: the same keys as the command line, nested at the dots or written out.</summary>
internal static class ConfigFile
{
    /// <summary>Larger than any sensible file: what is beyond it is something else.</summary>
    private const int SizeLimit = 1024 * 1024;

    /// <summary>Deeper than any setting lies.</summary>
    private const int NestingLimit = 16;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ConfigurationException">It cannot be read, is no YAML, or has an unknown or duplicate key; the message names the line.</exception>
    public static List<Given> Read(string path)
    {
        try
        {
            // Read rather than asked for its length: a pipe has none.
            using FileStream file = File.OpenRead(path);
            byte[] content = new byte[SizeLimit + 1];
            int length = file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
            if (length > SizeLimit)
            {
                throw new ConfigurationException($"{path}: larger than {SizeLimit} bytes; is this the right file?");
            }

            using var reader = new StreamReader(new MemoryStream(content, 0, length));
            return Parse(path, reader.ReadToEnd());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"--{Settings.ConfigFile}: {e.Message}");
        }
    }

    /// <summary>Reads the text of a file.</summary>
    /// <param name="path">The file's name, for messages.</param>
    /// <param name="text">The text.</param>
    /// <exception cref="ConfigurationException">As <see cref="Read"/>.</exception>
    public static List<Given> Parse(string path, string text)
    {
        var yaml = new YamlStream();
        try
        {
            RefuseDeepNesting(path, text);
            yaml.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new ConfigurationException($"{path}:{e.Start.Line}: {e.Message}");
        }

        var values = new List<Given>();
        switch (yaml.Documents)
        {
            case []:
                return values;
            case [{ RootNode: YamlMappingNode root }]:
                Walk(path, "", root, values);
                break;
            case [{ RootNode: YamlScalarNode { Value: null or "" } }]:
                return values;
            default:
                throw new ConfigurationException($"{path}:1: expected one document with a mapping of keys to values");
        }

        foreach (IGrouping<string, Given> given in values.GroupBy(given => given.Setting.Key).Where(group => !group.First().Setting.Repeatable && group.Count() > 1))
        {
            throw new ConfigurationException($"{given.Last().Place}: the key is given twice");
        }

        return values;
    }

    // The tree is built by recursion: a file of brackets alone would overflow the stack, which nothing can catch.
    private static void RefuseDeepNesting(string path, string text)
    {
        var parser = new Parser(new StringReader(text));
        int depth = 0;
        while (parser.MoveNext())
        {
            depth += parser.Current!.NestingIncrease;
            if (depth > NestingLimit)
            {
                throw new ConfigurationException($"{path}:{parser.Current.Start.Line}: nested deeper than any key");
            }
        }
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
                case YamlMappingNode nested when setting is null ? Settings.All.Any(known => known.Key.StartsWith(name + ".", StringComparison.Ordinal)) : setting.Kind == SettingKind.Switch:
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

                    values.Add(new Given(setting, Scalar(place, value), place));
                    break;
            }
        }
    }

    private static string Scalar(string place, YamlNode node) =>
        node is YamlScalarNode { Value: { } text } ? text : throw new ConfigurationException($"{place}: expected one value");
}
