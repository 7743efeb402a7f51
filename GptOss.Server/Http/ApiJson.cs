using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace GptOss.Server.Http;

/// <summary>
/// JSON that this server writes and reads again: in one spelling, and as deep as a request may nest with some levels of our own around it, since
/// answers, events and kept items echo parts of requests.
/// </summary>
internal static class ApiJson
{
    /// <summary>How deep objects and arrays may nest: a request's depth, and the levels of an event or a list around it.</summary>
    internal const int MaxDepth = RequestBody.MaxDepth + 16;

    // Characters beyond ASCII stay themselves; what HTML gives a meaning to is no concern of a JSON body.
    private static readonly JsonSerializerOptions Spelling = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        TypeInfoResolver = JsonTypeInfoResolver.Combine(),
        MaxDepth = MaxDepth,
    };

    private static readonly JsonDocumentOptions Reading = new() { MaxDepth = MaxDepth };

    /// <summary>A node as text on one line.</summary>
    internal static string Text(JsonNode node) => node.ToJsonString(Spelling);

    /// <summary>Text that was written here, or by the model.</summary>
    /// <exception cref="JsonException">It is not JSON, or nests deeper than <see cref="MaxDepth"/>.</exception>
    internal static JsonElement Parse(string text) => JsonElement.Parse(text, Reading);

    /// <summary>A node as an element, which can be shared between threads.</summary>
    internal static JsonElement Element(JsonNode node) => Parse(Text(node));
}
