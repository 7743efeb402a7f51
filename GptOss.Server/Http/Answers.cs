using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace GptOss.Server.Http;

/// <summary>JSON answers in one spelling.</summary>
internal static class Answers
{
    /// <summary>Characters beyond ASCII stay themselves; what HTML gives a meaning to is no concern of a JSON body.</summary>
    internal static readonly JsonSerializerOptions Json = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        TypeInfoResolver = System.Text.Json.Serialization.Metadata.JsonTypeInfoResolver.Combine(),
    };

    /// <summary>Sends an object.</summary>
    internal static async Task SendAsync(HttpContext context, JsonObject body, int status = StatusCodes.Status200OK)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(body.ToJsonString(Json));
        HttpResponse response = context.Response;
        response.StatusCode = status;
        response.ContentType = "application/json";
        response.ContentLength = bytes.Length;
        await response.Body.WriteAsync(bytes, context.RequestAborted);
    }

    /// <summary>The body of an error answer, and of an error inside a stream.</summary>
    internal static JsonObject Error(ApiException exception) => new()
    {
        ["error"] = new JsonObject
        {
            ["message"] = exception.Message, ["type"] = exception.Type, ["param"] = exception.Param, ["code"] = exception.Code,
        },
    };
}
