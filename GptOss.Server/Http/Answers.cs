using System.Text;
using System.Text.Json.Nodes;

namespace GptOss.Server.Http;

/// <summary>JSON answers.</summary>
internal static class Answers
{
    /// <summary>Sends an object.</summary>
    internal static async Task SendAsync(HttpContext context, JsonObject body, int status = StatusCodes.Status200OK)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(ApiJson.Text(body));
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
