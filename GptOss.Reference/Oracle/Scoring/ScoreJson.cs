using System.Globalization;
using System.Text.Json;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>JSON as the lines of a corpus and of its scores have it.</summary>
internal static class ScoreJson
{
    /// <summary>One line as an object. The caller disposes it.</summary>
    /// <param name="line">The line.</param>
    /// <param name="place">How messages call it.</param>
    /// <param name="rule">Name of the rule that a broken line breaks.</param>
    /// <param name="start">Bytes of the file before it.</param>
    /// <exception cref="ScoringException">It is not an object.</exception>
    internal static JsonDocument Parse(ReadOnlyMemory<byte> line, string place, string rule, long start = 0)
    {
        try
        {
            return JsonDocuments.Parse(line, place, rule, start);
        }
        catch (CheckpointFormatException e)
        {
            // The place says which line of the file this is.
            string message = e.Message.Replace(" at line 1, byte", " at byte", StringComparison.Ordinal);
            throw new ScoringException(message.Replace("the file is empty", "the line is empty", StringComparison.Ordinal), e);
        }
    }

    /// <summary>The <c>id</c> of an object as canonical JSON; null where it has none.</summary>
    /// <exception cref="ScoringException">It is neither a string nor a number.</exception>
    internal static string? Id(JsonElement root, string place)
    {
        if (!root.TryGetProperty("id", out JsonElement id))
            return null;
        return id.ValueKind switch
        {
            JsonValueKind.Number => id.GetRawText(),
            JsonValueKind.String => JsonText.Quoted(id.GetString()!),
            _ => throw new ScoringException($"{place}: id is {JsonDocuments.Shown(id)}; expected a string or a number."),
        };
    }

    /// <summary>Whether a value is a number that a double holds.</summary>
    internal static bool IsDouble(this JsonElement element, out double value)
    {
        value = 0;
        return element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out value) && double.IsFinite(value);
    }

    /// <summary>A whole number as JSON.</summary>
    internal static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
