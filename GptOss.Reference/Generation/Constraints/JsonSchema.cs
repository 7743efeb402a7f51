using System.Text.Json;
using GptOss.Reference.Generation.Constraints.Grammar;
using GptOss.Reference.Generation.Constraints.Languages;
using GptOss.Reference.Generation.Constraints.Schemas;

namespace GptOss.Reference.Generation.Constraints;

/// <summary>A JSON Schema, compiled to what can follow what. Immutable; any number of continuations may share it.</summary>
/// <remarks>
/// Whatever is compiled is kept exactly: a text that follows it to the end is valid, every beginning can be completed, and nothing is forbidden that
/// the schema allows but other orders of keys and other spellings, which docs/structured-outputs.md lists. What cannot be kept is refused here.
/// </remarks>
public sealed class JsonSchema
{
    /// <summary>The longest schema, in bytes of UTF-8.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>The most that compiling a schema may cost, in the steps of <see cref="Work"/>.</summary>
    internal const long MostWork = 20_000_000;

    /// <summary>The deepest JSON that is read; of a schema less is kept.</summary>
    internal const int MaxDepth = 1_000;

    private static readonly TimeSpan MostTime = TimeSpan.FromSeconds(2);

    internal JsonSchema(ValueNode root) => Root = root;

    /// <summary>Any JSON value.</summary>
    public static JsonSchema Any { get; } = new(AnyValue.Node);

    /// <summary>Any JSON object: what <c>json_object</c> asks for.</summary>
    public static JsonSchema AnyObject { get; } = new(AnyValue.Object);

    /// <summary>What the document is.</summary>
    internal ValueNode Root { get; }

    /// <summary>Compiles a schema of draft 2020-12, or an older one's spelling of the same.</summary>
    /// <param name="json">The schema. It need not be trustworthy: size, depth, work and time are bounded.</param>
    /// <exception cref="JsonSchemaException">It is not JSON, not a schema, says something that cannot be kept, or no value is valid for
    /// it.</exception>
    public static JsonSchema Compile(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        return Compile(System.Text.Encoding.UTF8.GetBytes(json));
    }

    /// <inheritdoc cref="Compile(string)"/>
    public static JsonSchema Compile(ReadOnlyMemory<byte> json)
    {
        if (json.Length > MaxBytes)
            throw new JsonSchemaException("#", null, $"the schema has {json.Length} bytes; at most {MaxBytes} are read");
        using JsonDocument document = Parse(json);
        return Compile(document.RootElement);
    }

    private static JsonSchema Compile(JsonElement schema)
    {
        try
        {
            return new JsonSchema(Compiler.Compile(schema, new Work(MostWork, MostTime)));
        }
        catch (SchemaRefusal e)
        {
            throw new JsonSchemaException(e.Path, e.Keyword, e.Message, e.IsUnsatisfiable);
        }
        catch (WorkExceededException)
        {
            throw new JsonSchemaException("#", null, "the schema is too complex: compiling it would take too long");
        }
        catch (InsufficientExecutionStackException)
        {
            throw new JsonSchemaException("#", null, "the schema is nested too deeply");
        }
    }

    private static JsonDocument Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            RequireUnicode(json.Span);
            return JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = MaxDepth });
        }
        catch (JsonException e)
        {
            throw new JsonSchemaException("#", null,
                $"the schema is not valid JSON at line {(e.LineNumber ?? 0) + 1}, byte {(e.BytePositionInLine ?? 0) + 1}");
        }
        catch (InvalidOperationException)               // half of a surrogate pair, or bytes that are not UTF-8
        {
            throw new JsonSchemaException("#", null, "the schema holds text that is not Unicode");
        }
    }

    private static void RequireUnicode(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.PropertyName or JsonTokenType.String)
                _ = reader.GetString();
        }
    }
}
