using System.Collections.Immutable;
using System.Text.Json;
using ConnExporter.Diagnosis;

namespace ConnExporter.Json;

/// <summary>A table as the page and <c>/api/v1/snapshot</c> show it.</summary>
/// <param name="Id">Its name in JSON; its title is the text <c>page.table.ID</c>.</param>
/// <param name="Columns">The columns.</param>
/// <param name="Rows">The rows, worst first; a value for each column: text, a number, <see cref="Share"/>, <see cref="Bytes"/>, a time, or null where it is not known.</param>
internal sealed record Table(string Id, ImmutableArray<Column> Columns, ImmutableArray<object?[]> Rows)
{
    /// <summary>Writes the rows as an array of objects, under the names of the columns.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartArray(Id);
        foreach (object?[] row in Rows)
        {
            json.WriteStartObject();
            for (int i = 0; i < row.Length; i++)
            {
                if (Columns[i].IsForPeople)
                {
                    continue;
                }

                json.WritePropertyName(Columns[i].Key);
                Write(json, row[i]);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case string text:
                json.WriteStringValue(text);
                break;
            case ulong count:
                json.WriteNumberValue(count);
                break;
            case int number:
                json.WriteNumberValue(number);
                break;
            case Share share:
                json.WriteNumberValue(share.Ratio);
                break;
            case Bytes bytes:
                json.WriteNumberValue(bytes.Count);
                break;
            case TimeSpan time:
                json.WriteNumberValue(time.TotalSeconds);
                break;
            case DateTimeOffset time:
                json.WriteStringValue(time.UtcDateTime);
                break;
            default:
                throw new InvalidOperationException($"a table does not hold {value.GetType()}");
        }
    }
}

/// <summary>A column.</summary>
/// <param name="Key">Its name in JSON; its heading is the text <c>page.column.KEY</c>.</param>
internal sealed record Column(string Key)
{
    /// <summary>Whether it holds numbers.</summary>
    public bool IsNumber { get; init; }

    /// <summary>Whether it is of those that tell rows apart.</summary>
    public bool IsName { get; init; }

    /// <summary>The keys of the texts that say on the page what a value stands for, with <c>{0}</c> for the value; none where it says it itself.</summary>
    public ImmutableArray<string> Texts { get; init; } = [];

    /// <summary>Whether JSON leaves it out: it says nothing that the other columns do not.</summary>
    public bool IsForPeople { get; init; }

    /// <summary>The value that need not be said: where a page's rows all have it, the column is left out.</summary>
    public string? Unsaid { get; init; }
}
