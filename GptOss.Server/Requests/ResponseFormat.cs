using System.Text.Json;
using GptOss.Reference.Serving;
using GptOss.Server.Http;

namespace GptOss.Server.Requests;

/// <summary>The form that a request wants its answer in, and where it says so.</summary>
/// <param name="Format">The form.</param>
/// <param name="Path">The schema's place in the request.</param>
internal sealed record ResponseFormat(TurnFormat Format, string Path)
{
    /// <summary>Chat Completions: <c>response_format {type, json_schema {name, schema, …}}</c>.</summary>
    internal static ResponseFormat? OfChat(Field? format) => Read(format, format?["json_schema"]);

    /// <summary>Responses: <c>text {format {type, name, schema, …}}</c>.</summary>
    internal static ResponseFormat? OfResponses(Field? text) => Read(text?["format"], text?["format"]);

    private static ResponseFormat? Read(Field? format, Field? body)
    {
        if (format is not { } given) return null;
        Field type = given.Required("type");
        switch (type.OneOf("text", "json_object", "json_schema"))
        {
            case "text":
                return null;
            case "json_object":
                return new ResponseFormat(TurnFormat.AnyObject, given.Path);
            default:
                Field schema = body ?? throw ApiException.Missing($"{given.Path}.json_schema");
                string name = schema["name"]?.String() ?? "response";
                Field value = schema["schema"] ?? throw ApiException.Missing($"{schema.Path}.schema");
                if (!value.IsObject && value.Value.ValueKind is not (JsonValueKind.True or JsonValueKind.False)) throw value.WrongType("a JSON Schema");
                return new ResponseFormat(new TurnFormat(name, schema["description"]?.String(), value.Value), value.Path);
        }
    }
}
