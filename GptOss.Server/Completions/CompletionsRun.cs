using System.Text.Json.Nodes;
using System.Threading.Channels;
using GptOss.Reference.Generation;
using GptOss.Reference.Serving;
using GptOss.Server.Http;

namespace GptOss.Server.Completions;

/// <summary>The generations of a Completions request, one for every prompt, all running at once.</summary>
internal sealed class CompletionsRun(ModelService service, HttpContext context, CompletionsRequest request) : IAsyncDisposable
{
    private readonly string _route = ModelService.Route(context);
    private readonly List<ServedGeneration> _generations = [];
    private readonly GenerationMeter _meter =
        new(service.Metrics, ModelService.Route(context), "text_completion", request.Prompts.Count * request.Choices);
    private int _completion;

    /// <summary>All answers: those of the first prompt first.</summary>
    internal CompletionChoice[] Choices { get; } = [.. request.Prompts.SelectMany((prompt, i) => Enumerable.Range(0, request.Choices)
        .Select(j => new CompletionChoice((i * request.Choices) + j, request, prompt, service.Tokenizer)))];

    internal TokenUsage Usage => new(request.Prompts.Sum(prompt => prompt.Length), _generations.Sum(one => one.CachedTokens), _completion, 0);

    /// <summary>Takes places for all prompts.</summary>
    /// <exception cref="ApiException">A prompt does not fit, or the queue is full.</exception>
    internal void Start()
    {
        foreach (int[] prompt in request.Prompts)
        {
            if (request.MaxTokens > 0)
                _generations.Add(service.Submit(context, Serving(prompt), "prompt"));
        }
    }

    /// <summary>The chunks of all answers, as they come.</summary>
    internal async IAsyncEnumerable<(CompletionChoice Choice, JsonObject? Chunk)> ChunksAsync()
    {
        if (request.Echo)
        {
            for (int i = 0; i < Choices.Length; i++)
            {
                IReadOnlyList<LogProbabilities>? entries = request.TopLogProbabilities is { } top
                    ? await service.PromptLogProbabilitiesAsync(request.Prompts[i / request.Choices], top, context.RequestAborted) : null;
                yield return (Choices[i], Choices[i].Echo(entries));
            }
        }

        if (request.MaxTokens == 0)
        {
            foreach (CompletionChoice choice in Choices)
                yield return (choice, choice.End(FinishReason.Length));
            yield break;
        }
        bool[] ended = new bool[Choices.Length];
        await foreach ((int at, ServedToken token) in MergedAsync())
        {
            if (ended[at])
                continue;
            _completion++;
            _meter.Token(at, _generations[at / request.Choices].QueueTime);
            CompletionChoice choice = Choices[at];
            yield return (choice, choice.Take(token.Id, service.StopTokens.Contains(token.Id), token.LogProbabilities));
            FinishReason? finish = token.Finish;
            if (choice.HasStopped)
            {
                _generations[at / request.Choices].End(at % request.Choices);
                finish = FinishReason.Stop;
            }
            if (finish is not { } reason)
                continue;
            ended[at] = true;
            service.Metrics.Ended(_route, reason == FinishReason.Length);
            yield return (choice, choice.End(reason));
        }
    }

    public async ValueTask DisposeAsync()
    {
        _meter.End(Usage);
        foreach (ServedGeneration generation in _generations)
            await generation.DisposeAsync();
    }

    // The tokens of all generations in the order in which they come.
    private async IAsyncEnumerable<(int Choice, ServedToken Token)> MergedAsync()
    {
        var merged = Channel.CreateUnbounded<(int, ServedToken)>();
        async Task Pump(int prompt)
        {
            await foreach (ServedToken token in _generations[prompt].ReadAsync())
                merged.Writer.TryWrite(((prompt * request.Choices) + token.Choice, token));
        }
        var all = Task.WhenAll(Enumerable.Range(0, _generations.Count).Select(Pump));
        _ = all.ContinueWith(task =>
            merged.Writer.TryComplete(task.Exception?.InnerException ?? (task.IsCanceled ? new OperationCanceledException() : null)),
            TaskScheduler.Default);
        await foreach ((int, ServedToken) token in merged.Reader.ReadAllAsync())
            yield return token;
    }

    private ServingRequest Serving(int[] prompt) => new()
    {
        Prompt = prompt,
        Sampling = request.Sampling,
        Penalties = request.Penalties,
        MaxTokens = request.MaxTokens,
        StopTokens = service.StopTokens,
        Choices = request.Choices,
        TopLogProbabilities = request.TopLogProbabilities,
        Owner = ModelService.Owner(context),
    };
}
