using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace GptOss.Reference.Serving;

/// <summary>
/// Arguments and results of an <see cref="IChatClient"/>'s calls, on one line as the model was trained to read them. What a model writes may nest
/// deeper than the serializer's default of 64.
/// </summary>
internal static class CallJson
{
    /// <summary>How deep objects and arrays may nest.</summary>
    internal const int MaxDepth = 1_000;

    private static readonly JsonDocumentOptions Reading = new() { MaxDepth = MaxDepth };
    private static readonly JsonSerializerOptions Writing = Deep();

    /// <exception cref="JsonException">The text is not JSON, or nests deeper than <see cref="MaxDepth"/>.</exception>
    internal static JsonElement Parse(string text) => JsonElement.Parse(text, Reading);

    /// <summary>A value as JSON.</summary>
    /// <param name="value">The value.</param>
    /// <param name="type">The type that it is written as.</param>
    internal static string Text(object value, Type type) => JsonSerializer.Serialize(value, Writing.GetTypeInfo(type));

    private static JsonSerializerOptions Deep()
    {
        var options = new JsonSerializerOptions(AIJsonUtilities.DefaultOptions)
        {
            MaxDepth = MaxDepth, WriteIndented = false, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
        options.MakeReadOnly();
        return options;
    }
}
