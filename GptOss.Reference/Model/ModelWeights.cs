using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Model;

/// <summary>All weights of a model by the names of the original layout.</summary>
internal sealed class ModelWeights
{
    /// <summary>Views a checkpoint's tensors.</summary>
    /// <param name="checkpoint">The open checkpoint.</param>
    /// <param name="packer">Packs the dense matrices on its workers; null to read them as they are.</param>
    /// <param name="cancellation">Stops between two matrices.</param>
    internal ModelWeights(Checkpoint checkpoint, WorkerPool? packer, CancellationToken cancellation)
    {
        Embedding = checkpoint.Matrix(TensorNames.Embedding);
        Norm = checkpoint.Vector(TensorNames.FinalNorm).ToArray();
        Unembedding = Packed(checkpoint.Matrix(TensorNames.Unembedding));
        for (int n = 0; n < checkpoint.Config.NumHiddenLayers; n++)
        {
            Weights Matrix(string name) => checkpoint.Matrix(TensorNames.Block(n, name));
            StoredVector Vector(string name) => checkpoint.Vector(TensorNames.Block(n, name));
            Attention.Add(new(
                Vector("attn.norm.scale").ToArray(),
                [.. checkpoint.Matrices(TensorNames.Block(n, "attn.qkv.weight")).Select(Packed)],
                checkpoint.Vectors(TensorNames.Block(n, "attn.qkv.bias")),
                Vector("attn.sinks").ToArray(),
                Packed(Matrix("attn.out.weight")),
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

        Weights Packed(Weights matrix)
        {
            cancellation.ThrowIfCancellationRequested();
            Weights packed = packer is null ? matrix : matrix.Packed(packer);
            BytesSaved += matrix.Bytes - packed.Bytes;
            return packed;
        }
    }

    /// <summary>By how much packing reduces the bytes that a decoded token reads.</summary>
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
