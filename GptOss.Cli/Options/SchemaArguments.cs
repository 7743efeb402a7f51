using System.Collections;
using System.CommandLine;
using System.Text.Json;
using GptOss.Reference.Generation.Constraints;

namespace GptOss.Cli.Options;

/// <summary>What the final answer is held to: <c>--schema</c>, and <c>--close-json</c> where its tokens are limited.</summary>
internal sealed class SchemaArguments : IEnumerable<Option>
{
    private readonly Option<string?> _schema = new("--schema")
    {
        Description = "Holds the final answer to this JSON Schema, token by token; a schema that cannot be kept is refused.",
        HelpName = "FILE",
    };

    private readonly Option<bool> _closes = new("--close-json")
    {
        Description = "With --schema: an answer that would be cut by --max-tokens or the context is closed before, so that it is JSON all the same.",
    };

    /// <summary>The option of the file, for rules about what goes together.</summary>
    internal Option Schema => _schema;

    /// <summary>The schema; null if none is given.</summary>
    /// <exception cref="UsageException">Answers are to be closed that no schema binds.</exception>
    /// <exception cref="InputException">The file is too large, or not JSON.</exception>
    internal JsonElement? Read(ParseResult parsed)
    {
        if (parsed.GetValue(_closes) && parsed.GetValue(_schema) is null)
            throw new UsageException("--close-json closes answers that --schema FILE binds; there is no --schema.");
        return parsed.GetValue(_schema) is { } path ? Read(path) : null;
    }

    /// <summary>Whether answers are closed on their budget.</summary>
    internal bool Closes(ParseResult parsed) => parsed.GetValue(_closes);

    public IEnumerator<Option> GetEnumerator() => new List<Option> { _schema, _closes }.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    // Bounded in size before it is read.
    private static JsonElement Read(string path)
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
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = JsonSchema.MaxDepth });
            return document.RootElement.Clone();
        }
        catch (JsonException exception)
        {
            throw new InputException($"{path}: not JSON at line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}.");
        }
    }
}
