using System.Text.Json;

namespace GptOss.Reference.Checkpoints;

/// <summary>Opens the small JSON documents that stand beside the weights: bounded, without duplicate keys, an object at the root.</summary>
internal static class JsonDocuments
{
    internal const int MaxBytes = 64 << 20;

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 32, AllowDuplicateProperties = false };

    /// <summary>The document in <paramref name="utf8"/>, whose root is an object. The caller disposes it.</summary>
    /// <param name="utf8">The text; a byte order mark at its start is skipped.</param>
    /// <param name="file">For the message.</param>
    /// <param name="rule">Name of the rule that a broken document breaks.</param>
    internal static JsonDocument Parse(ReadOnlyMemory<byte> utf8, string file, string rule)
    {
        if (utf8.Span.StartsWith("\uFEFF"u8))
            utf8 = utf8[3..];
        try
        {
            JsonDocument document = JsonDocument.Parse(utf8, Options);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return document;
            string kind = Kind(document.RootElement);
            document.Dispose();
            throw new CheckpointFormatException(file, rule, $"the document is {kind}; expected an object.");
        }
        catch (JsonException e)
        {
            string why = utf8.IsEmpty ? "the file is empty; expected a JSON object."
                : e.Message.Contains("Duplicate", StringComparison.OrdinalIgnoreCase) ? "the document has two equal keys in one object."
                : $"the document is not valid JSON at line {(e.LineNumber ?? 0) + 1}, byte {(e.BytePositionInLine ?? 0) + 1}.";
            throw new CheckpointFormatException(file, rule, why, e);
        }
        catch (InvalidOperationException e)            // a \u escape in a key that is half of a surrogate pair
        {
            throw new CheckpointFormatException(file, rule, "the document holds text that is not Unicode.", e);
        }
    }

    /// <summary>The string, or null where it holds half of a surrogate pair or is none.</summary>
    internal static string? Text(JsonElement element)
    {
        try
        {
            return element.ValueKind == JsonValueKind.String ? element.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>A value as it stands in messages: numbers and booleans as spelled, strings in quotes, others by kind.</summary>
    internal static string Shown(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => $"'{Printable.Clip(Text(element) ?? "?")}'",
        JsonValueKind.Number => Printable.Clip(element.GetRawText()),
        _ => Kind(element),
    };

    private static string Kind(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => "null",
    };
}
