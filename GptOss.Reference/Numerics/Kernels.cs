using GptOss.Reference.Numerics.Attention;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics;

/// <summary>All kernels at one register width and precision, on one worker pool. Entries check shapes; the jobs behind them trust.</summary>
/// <remarks>One thread at a time may use an instance.</remarks>
internal abstract unsafe class Kernels
{
    /// <summary>The register width.</summary>
    internal abstract RegisterWidth Width { get; }

    /// <summary>Where values are rounded.</summary>
    internal abstract Precision Precision { get; }

    /// <summary>The kernels of a width and a precision.</summary>
    /// <exception cref="PlatformNotSupportedException">The machine lacks the width.</exception>
    internal static Kernels Create(RegisterWidth width, Precision precision, WorkerPool pool)
    {
        if (!width.IsSupported())
            throw new PlatformNotSupportedException($"This machine has no {(int)width}-bit registers; the widest it offers is {RegisterWidths.Widest}.");
        return width switch
        {
            RegisterWidth.Scalar => OfWidth<F32x16Scalar, Vector1>(precision, pool),
            RegisterWidth.V128 => OfWidth<F32x16V128, Vector4>(precision, pool),
            RegisterWidth.V256 => OfWidth<F32x16V256, Vector8>(precision, pool),
            _ => OfWidth<F32x16V512, Vector16>(precision, pool),
        };
    }

    private static Kernels OfWidth<TBlock, TVector>(Precision precision, WorkerPool pool) where TBlock : struct, IF32x16<TBlock> where TVector : struct, IVector<TVector> =>
        precision switch
        {
            Precision.Float32 => new Kernels<TBlock, TVector, Float32Profile>(pool),
            Precision.Bfloat16 => new Kernels<TBlock, TVector, Bfloat16Profile>(pool),
            _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, "There is no such profile."),
        };

    /// <summary>output = B(x·Wᵀ + bias), or B(x·Wᵀ) with an empty bias. x [n, columns], output [n, rows].</summary>
    /// <remarks>Where columns are not a multiple of 16, every row of x has room up to the next one, and that room becomes zero.</remarks>
    internal abstract void Linear(Rows x, Weights w, StoredVector bias, Rows output);

    /// <summary>For every slot s of expert e: output[s] = B(B(x[s / share]·W_eᵀ) + bias_e).</summary>
    /// <param name="x">Activation rows.</param>
    /// <param name="share">Slots that read the same row: k for the first product of a token, 1 for the second.</param>
    /// <param name="w">The layer's experts.</param>
    /// <param name="bias">[experts, rows].</param>
    /// <param name="groups">The routing.</param>
    /// <param name="deinterleave">Even rows to the first half of the output, odd ones to the second.</param>
    /// <param name="output">[slots, rows].</param>
    /// <remarks>Looks through an expert's weights for what is not a number when it is first chosen.</remarks>
    internal abstract void ExpertLinear(Rows x, int share, Weights w, StoredVector bias, ExpertGroups groups, bool deinterleave, Rows output);

    /// <summary>output = B((x · r) · gain), r = 1/√(mean x² + eps).</summary>
    internal abstract void RmsNorm(Rows x, ReadOnlySpan<float> gain, float eps, Rows output);

    /// <summary>Rotates the heads of every row by that row's cosines and sines [n, headDim / 2].</summary>
    internal abstract void Rotate(Rows heads, Rows cosines, Rows sines);

    /// <summary>Attention of every query row over its cache, its own position included. q and output are [n, heads · headDim].</summary>
    internal abstract void Attend(QueryRow[] rows, Rows q, ReadOnlySpan<float> sinks, int keyValueHeads, int headDim, int? window, Rows output);

    /// <summary>The shares of the keys that one query head gives, softmax over its scores and the sink: a plain second computation for those who look at it.</summary>
    /// <param name="row">The token.</param>
    /// <param name="q">The rotated query of the head, [headDim].</param>
    /// <param name="keyValueHead">The key/value head that it reads.</param>
    /// <param name="sink">The head's sink.</param>
    /// <param name="probabilities">[visible keys], receives the shares; the last key is the token's own.</param>
    /// <returns>The sink's share.</returns>
    internal abstract float Probabilities(QueryRow row, ReadOnlySpan<float> q, int keyValueHead, float sink, Span<float> probabilities);

    /// <summary>The k best experts of every row, best first, and their weights.</summary>
    internal abstract void Route(Rows logits, int k, Span<int> experts, Span<float> weights);

    /// <summary>The weights that the given experts of every row get, k a row.</summary>
    internal abstract void Weigh(Rows logits, int k, ReadOnlySpan<int> experts, Span<float> weights);

    /// <summary>output = clamped SwiGLU of [g | u]; gu [n, 2·width], output [n, width].</summary>
    internal abstract void SwiGlu(Rows gu, float alpha, float limit, Rows output);

    /// <summary>x ← B(x + B(Σ_rank weights · y)); y has k rows for every row of x.</summary>
    internal abstract void MixExperts(Rows y, ReadOnlySpan<float> weights, int k, Rows x);

    /// <summary>x ← B(x + delta).</summary>
    internal abstract void Add(Rows x, Rows delta);

    /// <summary>One dot product of a float32 row with a bfloat16 row, for tests of the definition.</summary>
    internal abstract float Dot(ReadOnlySpan<float> x, ReadOnlySpan<ushort> w);

    /// <summary>output = e^input.</summary>
    internal abstract void Exp(ReadOnlySpan<float> input, Span<float> output);
}
