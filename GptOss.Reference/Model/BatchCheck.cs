using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Numerics.Caches;

namespace GptOss.Reference.Model;

/// <summary>Refuses batches that cannot be fed, before anything is changed.</summary>
internal static class BatchCheck
{
    /// <summary>Checks a batch and counts the rows of logits that it asks for.</summary>
    /// <exception cref="ArgumentException">An id is not below the vocabulary size, a sequence is twice in the batch or of another model, or a
    /// sequence outgrows the context.</exception>
    /// <exception cref="CacheFullException">The sequences would hold more than the cache may.</exception>
    /// <exception cref="ObjectDisposedException">A sequence is disposed.</exception>
    internal static int Rows(Transformer model, ReadOnlySpan<BatchItem> batch)
    {
        GptOssConfig config = model.Config;
        CacheMemory memory = model.CacheMemory;
        long rows = 0, bytes = 0;
        for (int i = 0; i < batch.Length; i++)
        {
            Sequence sequence = batch[i].Sequence;
            if (sequence is null || sequence.Owner != model)
                throw new ArgumentException($"Item {i} of the batch has no sequence of this model.", nameof(batch));
            for (int j = 0; j < i; j++)
            {
                if (batch[j].Sequence == sequence)
                {
                    throw new ArgumentException($"Items {j} and {i} of the batch are the same sequence; its tokens belong in one item.",
                        nameof(batch));
                }
            }
            ObjectDisposedException.ThrowIf(sequence.IsDisposed, sequence);
            RequireTokens(config, sequence, batch[i].Tokens.Span);
            rows += batch[i].Logits.Count(batch[i].Tokens.Length);
            bytes += memory.IsUnlimited ? 0 : sequence.BytesToExtend(batch[i].Tokens.Length);
        }
        if (bytes > memory.Limit - memory.Held)
            throw CacheFullException.Of(memory, bytes);
        if (rows * config.VocabSize > Array.MaxLength - 64)
        {
            throw new ArgumentException($"{rows} rows of {config.VocabSize} logits are more than one call can return; ask for fewer at a time.",
                nameof(batch));
        }
        return (int)rows;
    }

    private static void RequireTokens(GptOssConfig config, Sequence sequence, ReadOnlySpan<int> batch)
    {
        if (batch.Length > config.MaxPositions - sequence.Length)
        {
            throw new ArgumentException(
                $"{batch.Length} tokens after {sequence.Length} exceed the model's context of {config.MaxPositions} positions.", nameof(batch));
        }
        foreach (int token in batch)
        {
            if ((uint)token >= (uint)config.VocabSize)
                throw new ArgumentException($"Token id {token} is unknown; the vocabulary has ids 0 to {config.VocabSize - 1}.", nameof(batch));
        }
    }
}
