using YamlDotNet.RepresentationModel;

namespace ConnExporter.Configuration;

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
