using System.Text.Json;
using System.Text.Json.Nodes;
using GptOss.Server.Http;
using GptOss.Server.Requests;

namespace GptOss.Server.Completions;

/// <summary>POST <c>/v1/completions</c>: one generation for every prompt, choice i · n + j for answer j of prompt i.</summary>
/// <param name="service">The model and what serves it.</param>
internal sealed class CompletionsEndpoint(ModelService service)
{
    internal async Task HandleAsync(HttpContext context, string id)
    {
        using JsonDocument body = await service.ReadBodyAsync(context);
        var fields = new Field(body.RootElement, "");
        service.RequireModel(fields["model"]);
        var request = CompletionsRequest.Read(fields, service.Tokenizer, service.Vocabulary, service.Options.DefaultTemperature);
        var head = new JsonObject
        {
            ["id"] = Ids.New("cmpl-"), ["object"] = "text_completion", ["created"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
            ["model"] = service.ModelId, ["system_fingerprint"] = service.Fingerprint,
        };
        await using var run = new CompletionsRun(service, context, request);
        run.Start();
        if (!request.IsStream)
        {
            await AnswerAsync(context, run, head);
            return;
        }

        Func<TokenUsage>? usage = request.IncludesUsage ? () => run.Usage : null;
        await ChunkStream.RunAsync(context, service, head, usage, chunks => WriteAsync(run, chunks));
    }

    private static async Task AnswerAsync(HttpContext context, CompletionsRun run, JsonObject head)
    {
        await foreach ((CompletionChoice _, JsonObject? _) in run.ChunksAsync())
        {
            // The whole choices are sent at the end.
        }

        head["choices"] = new JsonArray([.. run.Choices.Select(JsonNode (choice) => choice.Whole())]);
        head["usage"] = run.Usage.Chat();
        await Answers.SendAsync(context, head);
    }

    private static async Task WriteAsync(CompletionsRun run, ChunkStream chunks)
    {
        await foreach ((CompletionChoice _, JsonObject? chunk) in run.ChunksAsync())
        {
            if (chunk is not null)
                await chunks.SendAsync(chunk);
        }
    }
}
