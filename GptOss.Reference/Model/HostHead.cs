using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;

namespace GptOss.Reference.Model;

/// <summary>Final norm and unembedding on the processor.</summary>
/// <param name="norm">Gain of the norm, [hidden].</param>
/// <param name="unembedding">[vocabulary, hidden].</param>
/// <param name="epsilon">Of the norm.</param>
/// <param name="kernels">The arithmetic.</param>
internal sealed class HostHead(float[] norm, Weights unembedding, float epsilon, Kernels kernels) : Head
{
    private readonly Scratch _scratch = new();

    /// <inheritdoc/>
    internal override void Forward<TObserver>(Residual residual, Chunk chunk, Rows logits, ref TObserver observer)
    {
        Rows x = residual.OnHost();                                    // [tokens, hidden]
        int wanted = chunk.Wanted.Length;
        _scratch.Reset(2 * wanted * Scratch.Stride(x.Width));
        Rows last = _scratch.Rows(wanted, x.Width);                    // [wanted, hidden]: the rows whose logits are wanted
        Rows t    = _scratch.Rows(wanted, x.Width);                    // [wanted, hidden]: the same, normalised
        for (int row = 0; row < wanted; row++)
            x[chunk.Wanted[row]].CopyTo(last[row]);
        Norm(last, t);
        chunk.ShowWanted(Stage.Norm, t, ref observer);
        Unembed(t, logits);
        chunk.ShowWanted(Stage.Logits, logits, ref observer);
    }

    /// <summary>The final norm. Both are [n, hidden].</summary>
    internal void Norm(Rows x, Rows t) => kernels.RowWise.RmsNorm(x, norm, epsilon, t);

    /// <summary>The logits of normalised rows. <paramref name="t"/> is [n, hidden], <paramref name="logits"/> [n, vocabulary].</summary>
    internal void Unembed(Rows t, Rows logits) => kernels.Products.Linear(t, unembedding, bias: default, logits);
}
