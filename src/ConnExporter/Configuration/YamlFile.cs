using ConnExporter.Kernel;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace ConnExporter.Configuration;

/// <summary>Reads a YAML file into nodes, within bounds. Every complaint names the file and the line.</summary>
internal static class YamlFile
{
    /// <summary>Larger than any sensible file: what is beyond it is something else.</summary>
    private const int SizeLimit = 1024 * 1024;

    /// <summary>Deeper than any setting lies.</summary>
    private const int NestingLimit = 16;

    /// <summary>Reads the text of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="flag">The setting that named it, for messages.</param>
    /// <exception cref="ConfigurationException">It cannot be read, or is too large.</exception>
    public static string ReadText(string path, string flag)
    {
        if (FileOwner.WhyNoFile(path) is { } why)
        {
            throw new ConfigurationException($"--{flag}: '{path}' {why}");
        }

        try
        {
            // Read rather than asked for its length: what is below /proc has none.
            using FileStream file = File.OpenRead(path);
            byte[] content = new byte[SizeLimit + 1];
            int length = file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
            if (length > SizeLimit)
            {
                throw new ConfigurationException($"{path}: larger than {SizeLimit} bytes; is this the right file?");
            }

            using var reader = new StreamReader(new MemoryStream(content, 0, length));
            return reader.ReadToEnd();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"--{flag}: {e.Message}");
        }
    }

    /// <summary>The mapping that a text is.</summary>
    /// <param name="path">The file's name, for messages.</param>
    /// <param name="text">The text.</param>
    /// <returns>Null for a file with nothing in it.</returns>
    /// <exception cref="ConfigurationException">It is no YAML, has a key twice, or is anything but one mapping.</exception>
    public static YamlMappingNode? Parse(string path, string text)
    {
        var yaml = new YamlStream();
        try
        {
            RefuseWhatOverflows(path, text);
            yaml.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new ConfigurationException($"{path}:{e.Start.Line}: {e.Message}");
        }
        catch (Exception e) when (e is not ConfigurationException)
        {
            // Some damaged texts make YamlDotNet stumble over its own state instead of complaining.
            throw new ConfigurationException($"{path}:1: this is no YAML: {e.Message}");
        }

        return yaml.Documents switch
        {
            [] or [{ RootNode: YamlScalarNode { Value: null or "" } }] => null,
            [{ RootNode: { } nothing }] when YamlScalar.IsNull(nothing) => null,
            [{ RootNode: YamlMappingNode root }] => root,
            _ => throw new ConfigurationException($"{path}:1: expected one document with a mapping of keys to values"),
        };
    }

    // The library builds the tree, and compares keys, by recursion: a file of brackets alone, a key that is a list which is in itself by its anchor,
    // or one that is an alias without an anchor would overflow the stack, which nothing can catch.
    private static void RefuseWhatOverflows(string path, string text)
    {
        var parser = new Parser(new StringReader(text));
        int depth = 0;

        // Of each mapping that is open: whether a key comes next. Null for a list.
        var open = new Stack<bool?>();
        var isCollection = new Dictionary<AnchorName, bool>();
        while (parser.MoveNext())
        {
            ParsingEvent node = parser.Current!;
            depth += node.NestingIncrease;
            if (depth > NestingLimit)
            {
                throw new ConfigurationException($"{path}:{node.Start.Line}: nested deeper than any key");
            }

            switch (node)
            {
                case DocumentStart:
                    isCollection.Clear();
                    break;
                case MappingEnd or SequenceEnd:
                    open.Pop();
                    break;
                case AnchorAlias alias:
                    Place(isCollection.TryGetValue(alias.Value, out bool named) ? named : throw new ConfigurationException($"{path}:{node.Start.Line}: '*{alias.Value}': nothing before it has this anchor"));
                    break;
                case NodeEvent value:
                    bool hasParts = value is MappingStart or SequenceStart;
                    Place(hasParts);
                    if (!value.Anchor.IsEmpty)
                    {
                        isCollection[value.Anchor] = hasParts;
                    }

                    if (hasParts)
                    {
                        open.Push(value is MappingStart ? true : null);
                    }

                    break;
            }

            void Place(bool hasParts)
            {
                if (open.TryPop(out bool? isKey))
                {
                    open.Push(!isKey);
                }

                if (isKey == true && hasParts)
                {
                    throw new ConfigurationException($"{path}:{node.Start.Line}: expected a key");
                }
            }
        }
    }
}

/// <summary>What a single value means that is no text: nothing, or yes or no. As Go's yaml.v2 has it, by which Prometheus and its exporters read their files.</summary>
/// <remarks>Templates write these words for values that were left out or are switches. In quotes they are texts like any other.</remarks>
internal static class YamlScalar
{
    private const string Null = "tag:yaml.org,2002:null";
    private const string Bool = "tag:yaml.org,2002:bool";

    /// <summary>Whether the value is null: nothing, <c>~</c> or <c>null</c>. Then it is as if its key were not there.</summary>
    /// <param name="node">The value.</param>
    public static bool IsNull(YamlNode node) => node is YamlScalarNode scalar && (IsPlain(scalar) ? scalar.Value is null or "" or "~" or "null" or "Null" or "NULL" : IsTagged(scalar, Null));

    /// <summary>Reads a boolean.</summary>
    /// <param name="node">The value.</param>
    /// <returns>Null where it is none.</returns>
    public static bool? Boolean(YamlNode node) => node is not YamlScalarNode scalar || !(IsPlain(scalar) || IsTagged(scalar, Bool)) ? null : scalar.Value switch
    {
        "true" or "True" or "TRUE" or "yes" or "Yes" or "YES" or "on" or "On" or "ON" or "y" or "Y" => true,
        "false" or "False" or "FALSE" or "no" or "No" or "NO" or "off" or "Off" or "OFF" or "n" or "N" => false,
        _ => null,
    };

    private static bool IsPlain(YamlScalarNode scalar) => scalar is { Style: YamlDotNet.Core.ScalarStyle.Plain, Tag.IsEmpty: true };

    private static bool IsTagged(YamlScalarNode scalar, string tag) => !scalar.Tag.IsEmpty && !scalar.Tag.IsNonSpecific && scalar.Tag.Value == tag;
}
