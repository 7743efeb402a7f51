using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Formats.Blocks;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Model;

/// <summary>All weights of a model by the names of the original layout.</summary>
internal sealed class ModelWeights
{
    /// <summary>Views a checkpoint's tensors.</summary>
    /// <param name="checkpoint">The open checkpoint.</param>
    /// <param name="options">What is done with the dense matrices: <see cref="ModelOptions.RoundDense"/>, <see cref="ModelOptions.Pack"/>.</param>
    /// <param name="pool">The workers for it.</param>
    internal ModelWeights(Checkpoint checkpoint, ModelOptions options, WorkerPool pool)
    {
        Embedding = checkpoint.Matrix(TensorNames.Embedding);
        Norm = checkpoint.Vector(TensorNames.FinalNorm).ToArray();
        Unembedding = Dense(checkpoint.Matrix(TensorNames.Unembedding));
        for (int n = 0; n < checkpoint.Config.NumHiddenLayers; n++)
        {
            Weights Matrix(string name) => checkpoint.Matrix(TensorNames.Block(n, name));
            StoredVector Vector(string name) => checkpoint.Vector(TensorNames.Block(n, name));
            Attention.Add(new(
                Vector("attn.norm.scale").ToArray(),
                [.. checkpoint.Matrices(TensorNames.Block(n, "attn.qkv.weight")).Select(Dense)],
                checkpoint.Vectors(TensorNames.Block(n, "attn.qkv.bias")),
                Vector("attn.sinks").ToArray(),
                Dense(Matrix("attn.out.weight")),
                Vector("attn.out.bias")));
            Experts.Add(new(
                Vector("mlp.norm.scale").ToArray(),
                Packed(Matrix("mlp.gate.weight")),
                Vector("mlp.gate.bias"),
                checkpoint.Matrices(TensorNames.Block(n, "mlp.mlp1_weight")),
                checkpoint.Vectors(TensorNames.Block(n, "mlp.mlp1_bias")),
                Matrix("mlp.mlp2_weight"),
                Vector("mlp.mlp2_bias")));
        }

        Weights Dense(Weights matrix)
        {
            options.Cancellation.ThrowIfCancellationRequested();
            Weights? bytes = matrix switch
            {
                Bf16Matrix plain when options.RoundDense => Q8Matrix.Round(plain, pool),
                BlockMatrix<Q8_0> blocks when options.Precision == Precision.Fast => Q8Matrix.Of(blocks, pool),
                _ => null,
            };
            return bytes is null ? Packed(matrix) : Counted(matrix, bytes);
        }

        Weights Packed(Weights matrix)
        {
            options.Cancellation.ThrowIfCancellationRequested();
            return options.Pack ? Counted(matrix, matrix.Packed(pool)) : matrix;
        }

        Weights Counted(Weights before, Weights after)
        {
            BytesSaved += before.Bytes - after.Bytes;
            return after;
        }
    }

    /// <summary>By how much packing or rounding reduces the bytes that a decoded token reads.</summary>
    internal long BytesSaved { get; private set; }

    /// <summary>[vocabulary, hidden].</summary>
    internal Weights Embedding { get; }

    internal List<AttentionBlockWeights> Attention { get; } = [];

    internal List<ExpertBlockWeights> Experts { get; } = [];

    /// <summary>[hidden].</summary>
    internal float[] Norm { get; }

    /// <summary>[vocabulary, hidden]; not tied to the embedding.</summary>
    internal Weights Unembedding { get; }
}
