using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Model;

/// <summary>Weights of one attention block, read in place from the checkpoint; only the norm gain is widened, and matrices may be packed.</summary>
/// <param name="Norm">[hidden].</param>
/// <param name="Qkv">[(heads + 2·kvHeads)·headDim, hidden], in one part or in three (q, k, v), as the checkpoint stores it.</param>
/// <param name="QkvBias">One for each part.</param>
/// <param name="Sinks">[heads].</param>
/// <param name="Out">[hidden, heads·headDim].</param>
/// <param name="OutBias">[hidden].</param>
internal sealed record AttentionWeights(
    float[] Norm, IReadOnlyList<Bf16Matrix> Qkv, IReadOnlyList<ReadOnlyMemory<ushort>> QkvBias, ReadOnlyMemory<ushort> Sinks, Bf16Matrix Out, ReadOnlyMemory<ushort> OutBias);

/// <summary>Weights of one expert block, read in place from the checkpoint; only the norm gain is widened.</summary>
/// <param name="Norm">[hidden].</param>
/// <param name="Gate">Router, [experts, hidden].</param>
/// <param name="GateBias">[experts].</param>
/// <param name="Mlp1">[experts, 2·intermediate, hidden]; rows alternate between gate and linear.</param>
/// <param name="Mlp1Bias">[experts, 2·intermediate].</param>
/// <param name="Mlp2">[experts, hidden, intermediate].</param>
/// <param name="Mlp2Bias">[experts, hidden].</param>
internal sealed record ExpertWeights(
    float[] Norm, Bf16Matrix Gate, ReadOnlyMemory<ushort> GateBias, Mxfp4Experts Mlp1, ReadOnlyMemory<ushort> Mlp1Bias, Mxfp4Experts Mlp2, ReadOnlyMemory<ushort> Mlp2Bias);

/// <summary>All weights of a model by the names of the original layout.</summary>
internal sealed class ModelWeights
{
    /// <summary>Views a checkpoint's tensors.</summary>
    /// <param name="checkpoint">The open checkpoint.</param>
    /// <param name="packer">Packs the dense matrices on its workers; null to read them as they are.</param>
    /// <param name="cancellation">Stops between two matrices.</param>
    internal ModelWeights(Checkpoint checkpoint, WorkerPool? packer, CancellationToken cancellation)
    {
        GptOssConfig c = checkpoint.Config;
        Embedding = new(checkpoint.Bf16("embedding.weight"), c.VocabSize, c.HiddenSize);
        Norm = Widen(checkpoint.Bf16("norm.scale"));
        Unembedding = Dense(checkpoint.Bf16("unembedding.weight"), c.VocabSize, c.HiddenSize);
        for (int n = 0; n < c.NumHiddenLayers; n++)
        {
            ReadOnlyMemory<ushort> Bf16(string name) => checkpoint.Bf16($"block.{n}.{name}");
            ReadOnlyMemory<byte> U8(string name) => checkpoint.U8($"block.{n}.{name}");
            Attention.Add(new(
                Widen(Bf16("attn.norm.scale")),
                [.. checkpoint.Bf16Parts($"block.{n}.attn.qkv.weight").Select(part => Dense(part, part.Length / c.HiddenSize, c.HiddenSize))],
                checkpoint.Bf16Parts($"block.{n}.attn.qkv.bias"),
                Bf16("attn.sinks"),
                Dense(Bf16("attn.out.weight"), c.HiddenSize, c.QuerySize),
                Bf16("attn.out.bias")));
            Experts.Add(new(
                Widen(Bf16("mlp.norm.scale")),
                Dense(Bf16("mlp.gate.weight"), c.NumExperts, c.HiddenSize),
                Bf16("mlp.gate.bias"),
                new(U8("mlp.mlp1_weight.blocks"), U8("mlp.mlp1_weight.scales"), c.NumExperts, 2 * c.IntermediateSize, c.HiddenSize),
                Bf16("mlp.mlp1_bias"),
                new(U8("mlp.mlp2_weight.blocks"), U8("mlp.mlp2_weight.scales"), c.NumExperts, c.HiddenSize, c.IntermediateSize),
                Bf16("mlp.mlp2_bias")));
        }

        Bf16Matrix Dense(ReadOnlyMemory<ushort> data, int rows, int columns)
        {
            cancellation.ThrowIfCancellationRequested();
            Bf16Matrix matrix = new(data, rows, columns);
            if (packer is null || PackedMatrix.Pack(matrix, packer) is not { } packed)
                return matrix;
            BytesSaved += sizeof(ushort) * (long)data.Length - packed.Bytes;
            return matrix with { Packed = packed };
        }
    }

    /// <summary>What packing took off the bytes that a decoded token reads.</summary>
    internal long BytesSaved { get; private set; }

    /// <summary>[vocabulary, hidden].</summary>
    internal Bf16Matrix Embedding { get; }

    internal List<AttentionWeights> Attention { get; } = [];

    internal List<ExpertWeights> Experts { get; } = [];

    /// <summary>[hidden].</summary>
    internal float[] Norm { get; }

    /// <summary>[vocabulary, hidden]; not tied to the embedding.</summary>
    internal Bf16Matrix Unembedding { get; }

    private static float[] Widen(ReadOnlyMemory<ushort> values)
    {
        float[] wide = new float[values.Length];
        for (int i = 0; i < wide.Length; i++)
            wide[i] = Bfloat16.ToSingle(values.Span[i]);
        return wide;
    }
}
