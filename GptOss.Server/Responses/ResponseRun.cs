using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Serving;
using GptOss.Server.Http;
using GptOss.Server.Requests;

namespace GptOss.Server.Responses;

/// <summary>
/// A response while it is made: the model's turns become items and events; calls of the server's own tools are answered here and the model goes on,
/// calls of the client's functions end it.
/// </summary>
internal sealed class ResponseRun(ModelService service, HttpContext context, ResponsesRequest request, ResponseObject answer) : IAsyncDisposable
{
    private readonly ResponseEvents _events = new();
    private readonly JsonArray _output = [];
    private TurnRequest _turn = request.Turn;
    private TurnRun? _run;
    private TokenUsage _usage;
    private OutputItem? _open;
    private int _toolCalls;

    /// <summary>The whole object; null until the response has ended.</summary>
    internal JsonObject? Final { get; private set; }

    /// <summary>Takes a place for the first turn.</summary>
    /// <exception cref="ApiException">The prompt does not fit, the queue is full, or a schema cannot be kept.</exception>
    internal void Start() => _run = service.StartFitting(context, ref _turn, request.IsTruncated);

    /// <summary>The events, as they happen; the last is the end.</summary>
    internal async IAsyncEnumerable<ResponseEvent> EventsAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        _events.Add("response.created", new JsonObject { ["response"] = answer.InProgress() });
        _events.Add("response.in_progress", new JsonObject { ["response"] = answer.InProgress() });
        foreach (ResponseEvent happened in _events.Take())
            yield return happened;

        FinishReason finish = FinishReason.Stop;
        while (true)
        {
            var written = new List<Message>();
            await foreach (TurnStep step in _run!.StepsAsync(cancellation))
            {
                foreach (TurnEvent happened in step.Events)
                    Take(happened, written);
                foreach (ResponseEvent happened in _events.Take())
                    yield return happened;
                finish = step.Finish ?? finish;
            }

            _usage = Sum(_usage, _run.Usage);
            if (finish != FinishReason.Stop || written is not [.., { Recipient: { } recipient } call]
                || service.BuiltInTool(recipient, request) is not { } tool)
            {
                break;
            }
            IEnumerable<Message> answers = await AnswerCallAsync(tool, call, cancellation);
            _turn = _turn with { Turn = _turn.Turn with { Messages = [.. _turn.Turn.Messages, .. written, .. answers] }, MaxTokens = Left() };
            foreach (ResponseEvent happened in _events.Take())
                yield return happened;
            await _run.DisposeAsync();
            if (Next() is not { } next)
            {
                finish = FinishReason.Length;
                break;
            }
            _run = next;
        }

        bool isCut = finish == FinishReason.Length;
        if (isCut)
            CutLastItem();
        foreach (ResponseEvent happened in _events.Take())
            yield return happened;
        Final = answer.Ended((JsonArray)_output.DeepClone(), _usage, isCut);
        _events.Add(isCut ? "response.incomplete" : "response.completed", new JsonObject { ["response"] = Final.DeepClone() });
        foreach (ResponseEvent happened in _events.Take())
            yield return happened;
    }

    /// <summary>The event of a response that could not be finished.</summary>
    internal ResponseEvent Fail(ApiException failure)
    {
        _events.Take();
        _events.Add("response.failed", new JsonObject { ["response"] = answer.Failed((JsonArray)_output.DeepClone(), _usage, failure) });
        return _events.Take()[0];
    }

    /// <summary>The output items as the store keeps them.</summary>
    internal IReadOnlyList<JsonElement> OutputItems() => [.. _output.Select(item => ApiJson.Element(item!))];

    public ValueTask DisposeAsync() => _run?.DisposeAsync() ?? ValueTask.CompletedTask;

    private void Take(TurnEvent happened, List<Message> written)
    {
        switch (happened)
        {
            // The server's own tools have items of their own, made when the call is whole.
            case MessageBegun begun when begun.Recipient is null || service.BuiltInTool(begun.Recipient, request) is null:
                _open = OutputItem.Of(begun, _output.Count, request, _events, service.LogProbabilities);
                _open.Begin();
                break;
            case MessageText text:
                _open?.Append(text);
                break;
            case MessageEnded ended:
                written.Add(ended.Message);
                if (_open is not null)
                    _output.Add((JsonNode)_open.End(ended.IsWhole));
                _open = null;
                break;
        }
    }

    private async Task<IEnumerable<Message>> AnswerCallAsync(ITool tool, Message call, CancellationToken cancellation)
    {
        var item = new BuiltInItem(call, _output.Count, _events);
        item.Begin();
        bool isAllowed = request.MaxToolCalls is not { } most || _toolCalls < most;
        _toolCalls++;
        IReadOnlyList<ToolAnswer> answers = isAllowed ? await ModelService.InvokeAsync(tool, call, cancellation)
            : [new ToolAnswer(call.Recipient!, "No more calls are allowed in this response. Answer with what you have.")];
        _output.Add((JsonNode)item.End(answers));
        return answers.Select(one => new Message(Role.Tool, one.Text)
        {
            Name = one.Author, Recipient = "assistant", Channel = call.Channel ?? "commentary",
        });
    }

    // Where the budget ended between two messages, or inside a header, an empty message is what was cut: the last item has the status incomplete.
    private void CutLastItem()
    {
        if (_output is [.., JsonObject last] && (string?)last["status"] == "incomplete")
            return;
        var item = OutputItem.Of(new MessageBegun(MessageKind.Answer, null), _output.Count, request, _events, service.LogProbabilities);
        item.Begin();
        _output.Add((JsonNode)item.End(isWhole: false));
    }

    // The turn behind a tool's answer; null where the budget is used up, or what is left of it, or of the context, holds no answer.
    private TurnRun? Next()
    {
        try
        {
            return _turn.MaxTokens == 0 ? null : service.Start(context, _turn);
        }
        catch (ApiException exception) when (exception.Status == StatusCodes.Status400BadRequest)
        {
            return null;
        }
    }

    private int? Left() => request.Turn.MaxTokens is { } most ? Math.Max(0, most - _usage.Completion) : null;

    // Input tokens are those of the last turn, which holds the earlier ones; output tokens are those of all turns.
    private static TokenUsage Sum(TokenUsage before, TokenUsage now) =>
        new(now.Prompt, now.Cached, before.Completion + now.Completion, before.Reasoning + now.Reasoning);
}
