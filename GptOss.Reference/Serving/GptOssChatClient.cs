using System.Runtime.CompilerServices;
using GptOss.Reference.Generation;
using Microsoft.Extensions.AI;

namespace GptOss.Reference.Serving;

/// <summary>
/// gpt-oss as <see cref="IChatClient"/>: analysis comes as <see cref="TextReasoningContent"/>, and is taken back; calls, results, schemas, efforts
/// and sampling are those of <see cref="ChatOptions"/>. Thread-safe: requests run side by side on the scheduler.
/// </summary>
public sealed class GptOssChatClient : IChatClient
{
    /// <summary>
    /// Name of a switch among <see cref="ChatOptions.AdditionalProperties"/>: true closes an answer, or a call, before
    /// <see cref="ChatOptions.MaxOutputTokens"/> or the context ends it, so that it is well-formed though cut; where not even the shortest one fits,
    /// a <see cref="BudgetException"/> says so before the first update.
    /// </summary>
    public const string CloseOnBudget = "close_on_budget";

    private readonly Func<CancellationToken, Task<ServedModel>> _model;
    private readonly bool _ownsModel;
    private readonly ChatClientMetadata _metadata;
    private readonly Func<DateOnly> _today;
    private ServedModel? _loaded;

    /// <summary>A client of a loaded model.</summary>
    /// <param name="model">The model; closed together with the client if <paramref name="ownsModel"/>.</param>
    /// <param name="modelId">The name that answers state.</param>
    /// <param name="date">The day that prompts state; null for today's.</param>
    /// <param name="ownsModel">Whether the client closes the model.</param>
    public GptOssChatClient(ServedModel model, string modelId, DateOnly? date = null, bool ownsModel = false)
        : this(_ => Task.FromResult(model), modelId, date, ownsModel) => _loaded = model;

    /// <summary>A client of a model that is still being loaded: the first requests wait for it.</summary>
    internal GptOssChatClient(Func<CancellationToken, Task<ServedModel>> model, string modelId, DateOnly? date, bool ownsModel)
    {
        (_model, _ownsModel) = (model, ownsModel);
        _metadata = new ChatClientMetadata("gptoss", null, modelId);
        _today = () => date ?? DateOnly.FromDateTime(DateTime.Now);
    }

    /// <inheritdoc/>
    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        CancellationToken cancellationToken = default) =>
        await GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ServedModel model = _loaded ??= await _model(cancellationToken).ConfigureAwait(false);
        Turn turn = ChatTurn.Of(messages, options);
        ComposedTurn composed = new TurnComposer(model.Tokenizer, _today).Compose(turn);
        await using ServedGeneration generation = model.Scheduler.Submit(ChatTurn.Request(composed, options, model.StopTokens), cancellationToken);
        var updates = new ChatUpdates(_metadata.DefaultModelId!, turn);
        var reader = new TurnReader(model.Tokenizer, [.. options?.StopSequences ?? []]);
        int tokens = 0;
        FinishReason finish = FinishReason.Stop;
        await foreach (ServedToken token in generation.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            tokens++;
            finish = token.Finish ?? finish;
            foreach (TurnEvent happened in reader.Append(token.Id, token.LogProbabilities))
            {
                if (updates.Of(happened) is { } update)
                    yield return update;
            }
            if (!reader.HasStopped)
                continue;
            finish = FinishReason.Stop;
            break;
        }

        foreach (TurnEvent happened in reader.End())
        {
            if (updates.Of(happened) is { } update)
                yield return update;
        }

        yield return updates.End(finish, new UsageDetails
        {
            InputTokenCount = generation.PromptTokens, OutputTokenCount = tokens, TotalTokenCount = generation.PromptTokens + tokens,
            CachedInputTokenCount = generation.CachedTokens, ReasoningTokenCount = reader.ReasoningTokens,
        });
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ChatClientMetadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType == typeof(ServedModel) ? _loaded
            : serviceType == typeof(Tokens.Tokenizer) ? _loaded?.Tokenizer
            : serviceType == typeof(Microsoft.ML.Tokenizers.Tokenizer) ? _loaded is { } model ? new Tokens.TokenizerAdapter(model.Tokenizer) : null
            : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_ownsModel && Interlocked.Exchange(ref _loaded, null) is { } model)
            model.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
