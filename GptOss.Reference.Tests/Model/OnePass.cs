using GptOss.Reference.Model;
using GptOss.Reference.Model.Hooks;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Tests.Model;

/// <summary>Passes whose logits are looked at once: each has a buffer of its own.</summary>
internal static class OnePass
{
    internal static Rows Forward(this Transformer model, params ReadOnlySpan<BatchItem> batch) => model.Forward(batch, new LogitsBuffer());

    internal static Rows Forward<TObserver>(this Transformer model, ReadOnlySpan<BatchItem> batch, ref TObserver observer)
        where TObserver : struct, IStageObserver =>
        model.Forward(batch, new LogitsBuffer(), ref observer);

    internal static Rows Forward(this ForwardHooks hooks, Transformer model, BatchItem item) => hooks.Forward(model, item, new LogitsBuffer());
}
