using System.Text.Json.Nodes;

namespace GptOss.Server.Http;

/// <summary>
/// The chunks of a stream of Chat Completions or Completions: each has the same head, the token counts come last, then <c>[DONE]</c>.
/// </summary>
/// <param name="stream">Where they are sent.</param>
/// <param name="head">What every chunk begins with.</param>
/// <param name="usage">The token counts so far; null where they were not asked for.</param>
internal sealed class ChunkStream(EventStream stream, JsonObject head, Func<TokenUsage>? usage)
{
    /// <summary>
    /// Streams an answer to its end, or to the error that ends it: no <c>[DONE]</c> follows then, for clients would take what they have for a whole
    /// answer.
    /// </summary>
    /// <param name="context">The request.</param>
    /// <param name="service">The model and what serves it.</param>
    /// <param name="head">What every chunk begins with.</param>
    /// <param name="usage">The token counts so far; null where they were not asked for.</param>
    /// <param name="write">Sends the choices.</param>
    internal static Task RunAsync(HttpContext context, ModelService service, JsonObject head, Func<TokenUsage>? usage,
        Func<ChunkStream, Task> write) => EventStream.RunAsync(context, service,
        async stream =>
        {
            var chunks = new ChunkStream(stream, head, usage);
            await write(chunks);
            if (usage is not null)
                await chunks.SendAsync([], usage().Chat());
            await stream.SendDoneAsync();
        },
        (stream, failure) => stream.SendAsync(Answers.Error(failure)));

    /// <summary>Sends a chunk of one choice.</summary>
    internal Task SendAsync(JsonObject choice) => SendAsync(new JsonArray(choice), null);      // an expression would add it by reflection

    private Task SendAsync(JsonArray choices, JsonObject? counts)
    {
        var chunk = (JsonObject)head.DeepClone();
        chunk["choices"] = choices;
        if (usage is not null)
            chunk["usage"] = counts;
        return stream.SendAsync(chunk);
    }
}
