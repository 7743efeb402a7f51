using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Cuda;
using GptOss.Reference.Model;
using GptOss.Reference.Tests.Numerics;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Tests.Cuda;

/// <summary>A whole model by the shipped PTX: nothing but the embedding and the angles comes from the processor.</summary>
internal sealed class DeviceModel : IDisposable
{
    private readonly DeviceRun _run;
    private readonly Checkpoint _checkpoint;
    private readonly GptOssConfig _config;
    private readonly Weights _embedding;
    private readonly RotaryTable _rotary;
    private readonly Layer[] _layers;
    private readonly DeviceMatrix _unembedding;
    private readonly ulong _norm;
    private readonly List<ulong> _buffers = [];

    internal DeviceModel(string folder, DeviceRun run)
    {
        _run = run;
        _checkpoint = Checkpoint.Open(folder);
        GptOssConfig c = _config = _checkpoint.Config;
        ModelWeights weights = new(_checkpoint, new(), TestWorkers.Of(1));
        _rotary = new(c.HeadDim, c.RopeTheta, c.RopeScalingFactor, c.InitialContextLength, c.RopeNtkAlpha, c.RopeNtkBeta);
        _embedding = weights.Embedding;
        _norm = run.Keep(weights.Norm);
        _unembedding = Matrix([weights.Unembedding], []);
        _layers = [.. Enumerable.Range(0, c.NumHiddenLayers).Select(n => new Layer(
            new(c.NumAttentionHeads, c.NumKeyValueHeads, c.HeadDim, c.WindowOf(n) ?? 0, Sequence.RingPositions(c, n) ?? int.MaxValue),
            run.Keep(weights.Attention[n].Norm), Matrix(weights.Attention[n].Qkv, weights.Attention[n].QkvBias), run.Keep(weights.Attention[n].Sinks),
            Matrix([weights.Attention[n].Out], [weights.Attention[n].OutBias]),
            run.Keep(weights.Experts[n].Norm), Matrix([weights.Experts[n].Gate], [weights.Experts[n].GateBias]),
            Experts(weights.Experts[n].Mlp1[0], weights.Experts[n].Mlp1Bias[0]), Experts(weights.Experts[n].Mlp2, weights.Experts[n].Mlp2Bias)))];
    }

    /// <summary>A sequence's length and, for each layer, its pages.</summary>
    internal sealed class Tokens(int layers)
    {
        internal int Length { get; set; }

        internal List<ulong>[] Pages { get; } = [.. Enumerable.Range(0, layers).Select(_ => new List<ulong>())];
    }

    internal Tokens NewSequence() => new(_config.NumHiddenLayers);

    /// <summary>Feeds new tokens of some sequences together; the logits of all of them, [tokens, vocabulary].</summary>
    internal float[] Forward(params ReadOnlySpan<(Tokens Sequence, int[] Ids)> items)
    {
        GptOssConfig c = _config;
        int hidden = c.HiddenSize, k = c.ExpertsPerToken, dim = c.HeadDim, count = 0;
        List<(Tokens Sequence, int Position)> tokens = [];
        List<float> stream = [], turns = [];
        float[] row = new float[hidden], turn = new float[dim];
        foreach ((Tokens sequence, int[] ids) in items)
        {
            foreach (int id in ids)
            {
                _embedding.Decode(id, row);
                _rotary.At(sequence.Length, turn.AsSpan(0, dim / 2), turn.AsSpan(dim / 2));
                stream.AddRange(row);
                turns.AddRange(turn);
                tokens.Add((sequence, sequence.Length++));
                count++;
            }
        }
        int slots = count * k, mostKeys = tokens.Max(token => token.Position) + 1;
        ulong x = Put<float>([.. stream]), angles = Put<float>([.. turns]), positions = Put<int>([.. tokens.Select(token => token.Position)]);
        ulong t = Empty(count * hidden), qkv = Empty(count * (c.QuerySize + 2 * c.KeyValueSize)), attended = Empty(count * c.QuerySize),
            router = Empty(count * c.NumExperts), choices = Empty(slots), shares = Empty(slots), h = Empty(slots * c.IntermediateSize),
            y = Empty(slots * hidden), groups = Empty((int)DeviceKernels.GroupBytes(count, c.NumExperts, k) / sizeof(int)),
            logits = Empty(count * c.VocabSize);
        DeviceKernels kernels = _run.Device;
        for (int n = 0; n < _layers.Length; n++)
        {
            Layer layer = _layers[n];
            DeviceTokens on = new(count, positions, Put<ulong>([.. TablesOf(n, tokens)]), mostKeys);
            kernels.RmsNorm(x, layer.AttentionNorm, t, count, hidden, c.RmsNormEps);
            kernels.Linear(t, layer.Qkv, qkv, count);
            kernels.RotateAndKeep(qkv, angles, on, layer.Shape);
            ulong scores = Empty((int)(DeviceKernels.AttendBytes(count, mostKeys, layer.Shape) / sizeof(float)));
            kernels.Attend(qkv, layer.Sinks, scores, attended, on, layer.Shape);
            kernels.Linear(attended, layer.Out, x, count, add: true);

            kernels.RmsNorm(x, layer.ExpertNorm, t, count, hidden, c.RmsNormEps);
            kernels.Linear(t, layer.Gate, router, count);
            kernels.Route(router, choices, shares, count, c.NumExperts, k);
            kernels.Experts(t, choices, layer.Up, layer.Down, h, y, groups, count, c.NumExperts, k, c.SwigluAlpha, c.SwigluLimit);
            kernels.MixExperts(y, shares, x, count, hidden, k);
        }
        kernels.RmsNorm(x, _norm, t, count, hidden, c.RmsNormEps);
        kernels.Linear(t, _unembedding, logits, count);
        float[] result = _run.Get<float>(logits, count * c.VocabSize);
        _buffers.ForEach(_run.Gpu.Free);
        _buffers.Clear();
        return result;
    }

    public void Dispose() => _checkpoint.Dispose();

    /// <summary>For each token the address of its sequence's list of pages, which grows as far as it needs.</summary>
    private IEnumerable<ulong> TablesOf(int layer, List<(Tokens Sequence, int Position)> tokens)
    {
        DeviceAttention shape = _layers[layer].Shape;
        Dictionary<Tokens, ulong> tables = [];
        foreach ((Tokens sequence, _) in tokens)
        {
            if (!tables.TryGetValue(sequence, out ulong table))
            {
                while (sequence.Pages[layer].Count * DeviceAttention.PagePositions < Math.Min(sequence.Length, shape.Places))
                    sequence.Pages[layer].Add(_run.Gpu.Allocate(shape.PageBytes));
                tables.Add(sequence, table = Put<ulong>([.. sequence.Pages[layer]]));
            }
            yield return table;
        }
    }

    private ulong Put<T>(T[] values) where T : unmanaged
    {
        ulong address = _run.Put<T>(values);
        _buffers.Add(address);
        return address;
    }

    private ulong Empty(int words)
    {
        ulong address = _run.Empty(words);
        _buffers.Add(address);
        return address;
    }

    private DeviceMatrix Matrix(IReadOnlyList<Weights> parts, IReadOnlyList<StoredVector> bias) => new(
        _run.Keep<ushort>((ushort[])[.. parts.SelectMany(part => ((Bf16Matrix)part).Data.ToArray())]),
        bias.Count == 0 ? 0 : _run.Keep([.. bias.SelectMany(part => part.ToArray())]), parts.Sum(part => part.Rows), parts[0].Columns);

    private DeviceExperts Experts(Weights weights, StoredVector bias)
    {
        var mxfp4 = (Mxfp4Experts)weights;
        return new(_run.Keep(mxfp4.Blocks.Span), _run.Keep(mxfp4.Scales.Span), _run.Keep(bias.ToArray()), mxfp4.Rows, mxfp4.Columns,
            mxfp4.Scales.Span.ContainsAnyExceptInRange((byte)0, (byte)128));
    }

    private sealed record Layer(
        DeviceAttention Shape, ulong AttentionNorm, DeviceMatrix Qkv, ulong Sinks, DeviceMatrix Out, ulong ExpertNorm, DeviceMatrix Gate,
        DeviceExperts Up, DeviceExperts Down);
}
