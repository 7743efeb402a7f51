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
        if (chat.IsStream)
            await StreamAsync(context, chat, run, choices, head);
        else
            await AnswerAsync(context, run, choices, head);
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

    private async Task StreamAsync(HttpContext context, ChatRequest chat, TurnRun run, ChatChoice[] choices, JsonObject head)
    {
        await using EventStream stream = await EventStream.BeginAsync(context, service.Options.KeepAlive);
        Task Send(params JsonNode[] content)
        {
            var chunk = (JsonObject)head.DeepClone();
            chunk["choices"] = new JsonArray(content);
            if (chat.IncludesUsage)
                chunk["usage"] = content.Length == 0 ? run.Usage.Chat() : null;
            return stream.SendAsync(chunk);
        }

        bool[] begun = new bool[choices.Length];
        try
        {
            await foreach (TurnStep step in run.StepsAsync())
            {
                ChatChoice choice = choices[step.Choice];
                if (!begun[step.Choice])
                {
                    begun[step.Choice] = true;
                    await Send(choice.Begin());
                }

                foreach (TurnEvent happened in step.Events)
                {
                    if (choice.Take(happened) is { } chunk)
                        await Send(chunk);
                }

                if (step.Finish is { } reason)
                    await Send(choice.End(reason));
            }

            if (chat.IncludesUsage)
                await Send();
            await stream.SendDoneAsync();
        }
        catch (Exception exception) when (service.Failure(context, exception) is { } failure)
        {
            // No [DONE] follows: clients would take what they have for a whole answer.
            await stream.SendAsync(Answers.Error(failure));
        }
    }

    private JsonObject Head(string kind) => new()
    {
        ["id"] = Ids.New("chatcmpl-"), ["object"] = kind, ["created"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds(), ["model"] = service.ModelId,
        ["system_fingerprint"] = service.Fingerprint, ["service_tier"] = "default",
    };
}
