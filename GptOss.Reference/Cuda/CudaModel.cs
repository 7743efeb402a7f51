using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Caches;

namespace GptOss.Reference.Cuda;

/// <summary>A model on a card.</summary>
internal sealed class CudaModel : DeviceModel
{
    private readonly string _name;
    private readonly GptOssConfig _config;
    private readonly CudaCacheMemory _cache;
    private readonly CudaAttention[] _attention;
    private readonly CudaExperts?[] _experts;

    /// <summary>Copies the weights to the card.</summary>
    /// <param name="gpu">The card.</param>
    /// <param name="name">What it is called.</param>
    /// <param name="holds">Which layers' experts go to the card.</param>
    /// <param name="weights">The weights.</param>
    /// <param name="config">The model's numbers.</param>
    /// <param name="kernels">The processor's arithmetic, for what observers change.</param>
    /// <param name="options">Limit of the caches, progress, cancelling.</param>
    /// <param name="times">Receives how long kernels take, while it asks for that.</param>
    internal CudaModel(Gpu gpu, string name, Func<int, bool> holds, ModelWeights weights, GptOssConfig config, Kernels kernels, ModelOptions options,
        KernelTimes times)
    {
        (_name, _config) = (name, config);
        long bytes = Cuda.Placement.WeightBytes(config, Enumerable.Range(0, config.NumHiddenLayers).Count(holds));
        Memory = new(gpu, options.Loading is { } loading ? new LoadCount(loading, bytes) : null);
        try
        {
            Kernels = new(gpu, times);
            Graphs = new(gpu);
            Stages = new(gpu);
            Work = new(config, Memory);
            Step = new(config, Memory);
            Head = new CudaHead(this, weights, config);
            _attention = new CudaAttention[config.NumHiddenLayers];
            _experts = new CudaExperts?[config.NumHiddenLayers];
            for (int layer = 0; layer < _attention.Length; layer++)
            {
                options.Cancellation.ThrowIfCancellationRequested();
                _attention[layer] = new(this, weights.Attention[layer], config, layer, kernels.Attention);
            }
            for (int layer = 0; layer < _experts.Length; layer++)
            {
                options.Cancellation.ThrowIfCancellationRequested();
                if (holds(layer) && !TryExperts(layer, weights.Experts[layer], kernels))
                    break;                             // less fits than was computed: the processor has the rest
            }
            gpu.Synchronize();
            int page = new DeviceAttention(config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim, 0, 0).PageBytes;
            long room = Math.Max(page, gpu.FreeBytes - Cuda.Placement.Margin);
            _cache = new(Memory, page, Math.Min(options.CacheBytes ?? long.MaxValue, room));
        }
        catch (Exception e)
        {
            Memory.Dispose();
            if (e is InsufficientMemoryException)
                throw new DeviceException(e.Message, e);
            throw;
        }
    }

    /// <summary>The card.</summary>
    internal Gpu Gpu => Memory.Gpu;

    /// <summary>What it holds of the card's memory.</summary>
    internal Allocations Memory { get; }

    internal DeviceKernels Kernels { get; }

    internal CudaGraphs Graphs { get; }

    internal StageRows Stages { get; }

    internal WorkMemory Work { get; }

    /// <summary>The tokens of the pass.</summary>
    internal Step Step { get; }

    /// <inheritdoc/>
    internal override string Placement => Cuda.Placement.Describe(_name, [.. _experts.Select(block => block is not null)]);

    /// <inheritdoc/>
    internal override CacheMemory CacheMemory => _cache;

    /// <inheritdoc/>
    internal override Head Head { get; }

    /// <inheritdoc/>
    internal override LayerCache NewCache(int layer) => new CudaCache(Sequence.RingPositions(_config, layer), _cache);

    /// <inheritdoc/>
    internal override Block Attention(int layer) => _attention[layer];

    /// <inheritdoc/>
    internal override Block? Experts(int layer) => _experts[layer];

    /// <inheritdoc/>
    internal override Block[] Join(IReadOnlyList<Block> blocks)
    {
        List<Block> joined = [], here = [];
        foreach (Block block in blocks)
        {
            if (block is CudaAttention or CudaExperts)
            {
                here.Add(block);
                continue;
            }
            Close();
            joined.Add(block);
        }
        Close();
        return [.. joined];

        void Close()
        {
            if (here.Count > 0)
                joined.Add(new CudaSegment(this, [.. here]));
            here.Clear();
        }
    }

    /// <inheritdoc/>
    internal override void Begin(Chunk chunk) => Step.Begin(chunk);

    /// <inheritdoc/>
    internal override void End() => Gpu.Synchronize();

    /// <inheritdoc/>
    internal override void Upload(Rows x) => Stages.Upload(x, Work.X);

    /// <inheritdoc/>
    internal override void Download(Rows x) => StageRows.Download(Gpu, Work.X, x);

    /// <inheritdoc/>
    public override void Dispose()
    {
        Graphs.Dispose();
        Memory.Dispose();
    }

    private bool TryExperts(int layer, ExpertBlockWeights weights, Kernels kernels)
    {
        int before = Memory.Count;
        try
        {
            _experts[layer] = new(this, weights, _config, layer, kernels.RowWise);
            return true;
        }
        catch (InsufficientMemoryException)
        {
            Memory.FreeFrom(before);
            return false;
        }
    }
}
