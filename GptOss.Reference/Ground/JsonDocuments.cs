using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace GptOss.Reference.Ground;

/// <summary>Opens the small JSON documents beside the weights: bounded, without duplicate keys, an object at the root.</summary>
internal static class JsonDocuments
{
    internal const int MaxBytes = 16 << 20;
    private const int MaxDepth = 32;

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    /// <summary>The document in <paramref name="utf8"/>, whose root is an object. The caller disposes it.</summary>
    /// <param name="utf8">The text; a byte order mark at its start is skipped.</param>
    /// <param name="file">For the message.</param>
    /// <param name="rule">Name of the rule that a broken document breaks.</param>
    /// <param name="start">Where in its file the document begins, for the position of a byte that is not UTF-8.</param>
    internal static JsonDocument Parse(ReadOnlyMemory<byte> utf8, string file, string rule, long start = 0)
    {
        JsonDocument document = ParseAny(utf8, file, rule, "a JSON object", start);
        if (document.RootElement.ValueKind == JsonValueKind.Object)
            return document;
        string kind = JsonKind.Of(document.RootElement.ValueKind);
        document.Dispose();
        throw new CheckpointFormatException(file, rule, $"the document is {kind}; expected an object.");
    }

    /// <summary>The same, whatever is at the root.</summary>
    internal static JsonDocument ParseAny(ReadOnlyMemory<byte> utf8, string file, string rule, string expected = "JSON",
        long start = 0)
    {
        if (!Utf8.IsValid(utf8.Span))
        {
            int at = FirstNotUtf8(utf8.Span);
            throw new CheckpointFormatException(file, rule, $"byte {start + at} of the file is 0x{utf8.Span[at]:X2}, which is not UTF-8 there.");
        }
        if (utf8.Span.StartsWith("\uFEFF"u8))
            utf8 = utf8[3..];
        try
        {
            RequireUnicode(utf8.Span);
            return JsonDocument.Parse(utf8, Options);
        }
        catch (JsonException e)
        {
            string why = utf8.IsEmpty ? $"the file is empty; expected {expected}."
                : e.Message.Contains("Duplicate", StringComparison.OrdinalIgnoreCase) ? "the document has two equal keys in one object."
                : $"the document is not valid JSON at line {(e.LineNumber ?? 0) + 1}, byte {(e.BytePositionInLine ?? 0) + 1}.";
            throw new CheckpointFormatException(file, rule, why, e);
        }
        catch (InvalidOperationException e)            // from RequireUnicode
        {
            throw new CheckpointFormatException(file, rule, "the document holds text that is not Unicode.", e);
        }
    }

    /// <summary>The string; null where the value is not one.</summary>
    internal static string? Text(JsonElement element) => element.ValueKind == JsonValueKind.String ? element.GetString() : null;

    /// <summary>A value as messages show it: numbers and booleans as spelled, strings in quotes, others by kind.</summary>
    internal static string Shown(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => $"'{Printable.Clip(element.GetString()!)}'",
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => Printable.Clip(element.GetRawText()),
        _ => JsonKind.Of(element.ValueKind),
    };

    /// <summary>Decodes every key and string here, so that none can fail later: a \u escape may be half of a surrogate pair.</summary>
    /// <exception cref="InvalidOperationException">One is not Unicode.</exception>
    private static void RequireUnicode(ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = MaxDepth });
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.PropertyName or JsonTokenType.String && reader.ValueIsEscaped)
                _ = reader.GetString();
        }
    }

    private static int FirstNotUtf8(ReadOnlySpan<byte> bytes)
    {
        int at = 0;
        while (Rune.DecodeFromUtf8(bytes[at..], out _, out int length) == OperationStatus.Done)
            at += length;
        return at;
    }
}
