using System.Runtime.CompilerServices;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Generation;

/// <summary>Continues a prompt: one <see cref="Decoding"/>, alone, with its text.</summary>
/// <remarks>Holds no state between calls; any number of them may run at once, and take turns at the model.</remarks>
/// <param name="model">What gives the logits.</param>
/// <param name="tokenizer">What the ids mean.</param>
public sealed class Generator(Transformer model, Tokenizer tokenizer)
{
    /// <summary>Continues a prompt in a sequence of its own.</summary>
    /// <inheritdoc cref="Generate(Sequence, ReadOnlyMemory{int}, GenerationOptions, Action{int}?, Action{GeneratedToken}?, CancellationToken)"/>
    public GenerationResult Generate(ReadOnlyMemory<int> prompt, GenerationOptions options,
        Action<int>? promptRead = null, Action<GeneratedToken>? tokenChosen = null, CancellationToken cancellation = default)
    {
        using Sequence sequence = model.NewSequence();
        return Generate(sequence, prompt, options, promptRead, tokenChosen, cancellation);
    }

    /// <summary>Continues a sequence by a prompt and then by tokens of the model's choice. The last token chosen is not fed.</summary>
    /// <param name="sequence">A sequence of this model; extended.</param>
    /// <param name="prompt">Ids that follow the sequence, at least one.</param>
    /// <param name="options">How tokens are chosen and when to stop.</param>
    /// <param name="promptRead">Receives the number of prompt tokens read so far, after each chunk.</param>
    /// <param name="tokenChosen">Receives each token before the next one is computed.</param>
    /// <param name="cancellation">Looked at before every block of every pass; what was produced until then is returned.</param>
    /// <exception cref="PromptException">The prompt is empty, exceeds the context, or has an unknown id.</exception>
    /// <exception cref="BudgetException">The answer is to be closed within its budget, and not even the shortest one fits.</exception>
    /// <exception cref="LogitsException">A row that a token is to be chosen from holds a NaN, or nothing above −∞.</exception>
    public GenerationResult Generate(Sequence sequence, ReadOnlyMemory<int> prompt, GenerationOptions options,
        Action<int>? promptRead = null, Action<GeneratedToken>? tokenChosen = null, CancellationToken cancellation = default)
    {
        var decoding = new Decoding(sequence, prompt, options);
        using var answer = new Continuation(decoding, tokenizer, options);
        var logits = new LogitsBuffer();
        try
        {
            while (decoding.End is null)
            {
                bool hasRow = decoding.Feed(model, logits, cancellation);
                if (decoding.Ids.Count == 0)
                    promptRead?.Invoke(decoding.PromptRead);
                if (!hasRow)
                    continue;
                foreach (GeneratedToken token in answer.Take(logits[decoding.NextRow]))
                    tokenChosen?.Invoke(token);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // what was produced until then is returned
        }
        finally
        {
            decoding.Finish(FinishReason.Cancelled);       // where it has not ended: the sequence keeps no guesses
        }
        return answer.Result();
    }

    /// <summary>Continues a prompt in a sequence of its own, token by token as they are chosen; the caller's thread only waits.</summary>
    /// <param name="prompt">Ids, at least one.</param>
    /// <param name="options">How tokens are chosen and when to stop.</param>
    /// <param name="cancellation">Looked at before every block of every pass.</param>
    /// <returns>The tokens. The texts of all are the whole text: what no token brought is at the end of the last one's.</returns>
    /// <exception cref="PromptException">The prompt is empty, exceeds the context, or has an unknown id.</exception>
    /// <exception cref="BudgetException">The answer is to be closed within its budget, and not even the shortest one fits.</exception>
    /// <exception cref="LogitsException">A row that a token is to be chosen from holds a NaN, or nothing above −∞; thrown by the
    /// enumeration.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled; thrown by the enumeration.</exception>
    public IAsyncEnumerable<GeneratedToken> StreamAsync(ReadOnlyMemory<int> prompt, GenerationOptions options,
        CancellationToken cancellation = default) =>
        StreamAsync(new Decoding(model.NewSequence(), prompt, options), options, isOwn: true, cancellation);

    /// <summary>The same for a sequence of this model, which is extended.</summary>
    /// <inheritdoc cref="StreamAsync(ReadOnlyMemory{int}, GenerationOptions, CancellationToken)"/>
    public IAsyncEnumerable<GeneratedToken> StreamAsync(Sequence sequence, ReadOnlyMemory<int> prompt, GenerationOptions options,
        CancellationToken cancellation = default) =>
        StreamAsync(new Decoding(sequence, prompt, options), options, isOwn: false, cancellation);

    private async IAsyncEnumerable<GeneratedToken> StreamAsync(
        Decoding decoding, GenerationOptions options, bool isOwn, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using Sequence? own = isOwn ? decoding.Sequence : null;
        using var answer = new Continuation(decoding, tokenizer, options);
        var logits = new LogitsBuffer();
        try
        {
            while (decoding.End is null)
            {
                if (!await Task.Run(() => decoding.Feed(model, logits, cancellation), cancellation).ConfigureAwait(false))
                    continue;
                List<GeneratedToken> tokens = answer.Take(logits[decoding.NextRow]);
                for (int i = 0; i < tokens.Count; i++)
                {
                    yield return decoding.End is not null && i == tokens.Count - 1
                        ? tokens[i] with { Text = tokens[i].Text + answer.Flush(), End = decoding.End } : tokens[i];
                }
            }
        }
        finally
        {
            decoding.Finish(FinishReason.Cancelled);       // where no one reads on: the sequence keeps no guesses
        }
    }
}
