using System.Text.Json;
using System.Text.Json.Nodes;
using GptOss.Reference.Serving;
using GptOss.Server.Http;
using GptOss.Server.Requests;

namespace GptOss.Server.Chat;

/// <summary>POST <c>/v1/chat/completions</c>.</summary>
/// <param name="service">The model and what serves it.</param>
internal sealed class ChatEndpoint(ModelService service)
{
    internal async Task HandleAsync(HttpContext context, string id)
    {
        using JsonDocument body = await service.ReadBodyAsync(context);
        var request = new Field(body.RootElement, "");
        service.RequireModel(request["model"]);
        var chat = ChatRequest.Read(request, service.Vocabulary, service.Options.DefaultTemperature);
        await using TurnRun run = service.Start(context, chat.Turn);
        ChatChoice[] choices = [.. Enumerable.Range(0, chat.Turn.Choices)
            .Select(index => new ChatChoice(index, chat, service.ReasoningFields, service.LogProbabilities))];
        JsonObject head = Head(chat.IsStream ? "chat.completion.chunk" : "chat.completion");
        if (!chat.IsStream)
        {
            await AnswerAsync(context, run, choices, head);
            return;
        }

        Func<TokenUsage>? usage = chat.IncludesUsage ? () => run.Usage : null;
        await ChunkStream.RunAsync(context, service, head, usage, chunks => WriteAsync(run, choices, chunks));
    }

    private static async Task AnswerAsync(HttpContext context, TurnRun run, ChatChoice[] choices, JsonObject head)
    {
        await foreach (TurnStep step in run.StepsAsync())
        {
            foreach (TurnEvent happened in step.Events)
                choices[step.Choice].Take(happened);
            if (step.Finish is { } reason)
                choices[step.Choice].End(reason);
        }

        head["choices"] = new JsonArray([.. choices.Select(JsonNode (choice) => choice.Whole())]);
        head["usage"] = run.Usage.Chat();
        await Answers.SendAsync(context, head);
    }

    private static async Task WriteAsync(TurnRun run, ChatChoice[] choices, ChunkStream chunks)
    {
        bool[] begun = new bool[choices.Length];
        await foreach (TurnStep step in run.StepsAsync())
        {
            ChatChoice choice = choices[step.Choice];
            if (!begun[step.Choice])
            {
                begun[step.Choice] = true;
                await chunks.SendAsync(choice.Begin());
            }

            foreach (TurnEvent happened in step.Events)
            {
                if (choice.Take(happened) is { } chunk)
                    await chunks.SendAsync(chunk);
            }

            if (step.Finish is { } reason)
                await chunks.SendAsync(choice.End(reason));
        }
    }

    private JsonObject Head(string kind) => new()
    {
        ["id"] = Ids.New("chatcmpl-"), ["object"] = kind, ["created"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds(), ["model"] = service.ModelId,
        ["system_fingerprint"] = service.Fingerprint, ["service_tier"] = "default",
    };
}
