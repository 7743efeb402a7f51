using System.Text.Json;
using GptOss.Reference.Generation.Constraints;

namespace GptOss.Cli.Generate;

/// <summary>A JSON Schema in a file, bounded in size before it is read.</summary>
internal static class SchemaFile
{
    /// <exception cref="InputException">The file is too large, or not JSON.</exception>
    internal static JsonElement Read(string path)
    {
        using FileStream file = File.OpenRead(path);
        byte[] bytes = new byte[JsonSchema.MaxBytes + 1];
        int length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (length > JsonSchema.MaxBytes)
            throw new InputException($"{path}: a schema has at most {JsonSchema.MaxBytes} bytes.");
        ReadOnlyMemory<byte> json = bytes.AsMemory(0, length);
        if (json.Span.StartsWith("\uFEFF"u8))
            json = json[3..];
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.Clone();
        }
        catch (JsonException exception)
        {
            throw new InputException($"{path}: not JSON at line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}.");
        }
    }
}
