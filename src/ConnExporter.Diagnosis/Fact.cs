using System.Collections.Immutable;

namespace ConnExporter.Diagnosis;

/// <summary>Something that was seen, in numbers: a text's key, and what goes into it. The face that shows it chooses the language.</summary>
/// <param name="Key">The text is <c>fact.KEY</c> in each language.</param>
/// <param name="Values">What stands for <c>{name}</c> in the text: a string, a <see cref="OutsideName"/>, a whole number, a ratio, a <see cref="TimeSpan"/> or <see cref="Bytes"/>.</param>
internal sealed record Fact(string Key, params ImmutableArray<(string Name, object Value)> Values);

/// <summary>An amount of memory.</summary>
internal readonly record struct Bytes(double Count);

/// <summary>A share, 1 being all.</summary>
internal readonly record struct Share(double Ratio);

/// <summary>A name that others gave: of a process, a unit, a network namespace, a file. JSON has it as it is, texts as one word, see <c>Visible.Name</c>.</summary>
internal readonly record struct OutsideName(string Text);
