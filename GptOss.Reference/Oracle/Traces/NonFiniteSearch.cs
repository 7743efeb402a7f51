using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Oracle.Traces;

/// <summary>The first value of a forward pass that is NaN or infinite.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="Layer">0-based layer; −1 outside the layers.</param>
/// <param name="Position">The token's position.</param>
/// <param name="Element">Offset in its row.</param>
/// <param name="Value">NaN, +∞ or −∞.</param>
internal sealed record NonFiniteValue(Stage Stage, int Layer, int Position, int Element, float Value)
{
    /// <summary>A sentence without its end.</summary>
    public override string ToString() =>
        $"{StageNames.Of(Stage, Layer)} is the first stage that is not a number: at position {Position} its element {Element} is {Value}";
}

/// <summary>Finds out where a pass whose logits are not numbers went wrong.</summary>
internal static class NonFiniteSearch
{
    /// <summary>Runs ids through a model and stops at the first stage, in forward order, that holds NaN or an infinity.</summary>
    /// <param name="model">The model.</param>
    /// <param name="ids">The token ids that were read.</param>
    /// <param name="cancellation">Stops between chunks.</param>
    /// <returns>The value of the lowest position in that stage; null where every stage is finite. Prompts of more than a chunk are searched chunk by
    /// chunk.</returns>
    public static NonFiniteValue? Find(Transformer model, ReadOnlyMemory<int> ids, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (ids.IsEmpty)
            return null;
        var observer = new Watcher(cancellation);
        try
        {
            PromptPass.Run(model, ids, [ids.Length - 1], ref observer, (_, _) => { }, progress: null, cancellation);
            return null;
        }
        catch (FoundException found)
        {
            return found.Value;
        }
    }

    private sealed class FoundException(NonFiniteValue value) : Exception
    {
        internal NonFiniteValue Value => value;
    }

    private readonly struct Watcher(CancellationToken cancellation) : IStageObserver
    {
        public static bool IsActive => true;

        public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values)
        {
            cancellation.ThrowIfCancellationRequested();
            for (int row = 0; row < values.Count; row++)
            {
                ReadOnlySpan<float> elements = values[row];
                for (int i = 0; i < elements.Length; i++)
                {
                    if (!float.IsFinite(elements[i]))
                        throw new FoundException(new(stage, layer, origins[row].Position, i, elements[i]));
                }
            }
        }

        public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken)
        {
        }
    }
}
