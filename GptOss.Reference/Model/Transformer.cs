using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Caches;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Model;

/// <summary>gpt-oss, loaded and ready to run: token ids to logits, for any number of sequences.</summary>
/// <remarks>One forward pass runs at a time; callers on several threads wait for each other.</remarks>
public sealed partial class Transformer : IDisposable
{
    /// <summary>How often a caller that waits for another's pass checks whether it has been cancelled.</summary>
    private const int WaitMilliseconds = 20;

    private readonly ModelWeights _weights;
    private readonly WorkerPool _pool;
    private readonly Kernels _kernels;
    private readonly ForwardPass _pass;
    private readonly DeviceModel? _device;              // null: the processor alone
    private readonly BatchFeed _feed;
    private readonly Transformer? _owner;               // of a variant: the model whose files, workers and turn it uses
    private readonly Lock _gate;
    private bool _disposed;

    private Transformer(Checkpoint checkpoint, ModelWeights weights, WorkerPool pool, Kernels kernels, ModelVariant variant, Transformer? owner,
        ModelOptions? options)
    {
        Checkpoint = checkpoint;
        _weights = weights;
        _pool = pool;
        _kernels = kernels;
        bool rounds = checkpoint.Config.RoundsYarnBounds || (owner?.Config.RoundsYarnBounds ?? options?.RoundYarnBounds) == true;
        GptOssConfig config = checkpoint.Config with { RoundsYarnBounds = rounds };
        _gate = owner?._gate ?? options?.Device?.Gate ?? new();
        lock (_gate)
            _device = options?.Device?.Load(weights, config, kernels, options);
        _pass = new(weights, config, kernels, variant, _device);
        _feed = new(_pass);
        _owner = owner;
        // A variant of a model on a device runs on the processor, and so do its caches.
        CacheMemory = _device?.CacheMemory ?? (owner is { _device: null } ? owner.CacheMemory : HostCache.NewMemory(
            config.NumKeyValueHeads, config.HeadDim, kernels.Precision == Precision.Bfloat16, options?.CacheBytes));
    }

    /// <summary>The model's numbers.</summary>
    public GptOssConfig Config => _pass.Config;

    /// <summary>The files that the weights are read from.</summary>
    public Checkpoint Checkpoint { get; }

    /// <summary>Where values are rounded.</summary>
    public Precision Precision => _kernels.Precision;

    /// <summary>The register width in use.</summary>
    public RegisterWidth Width => _kernels.Width;

    /// <summary>What the keys and values of all its sequences take.</summary>
    internal CacheMemory CacheMemory { get; }

    /// <summary>Workers in use.</summary>
    public int Threads => _pool.Count;

    /// <summary>Whether the weights are locked in memory, as <see cref="ModelOptions.Lock"/> asks.</summary>
    public bool IsLocked { get; private init; }

    /// <summary>What is on <see cref="ModelOptions.Device"/>, as a sentence; null where the processor runs all.</summary>
    public string? Placement => _device?.Placement;

    /// <summary>Bytes by which packed weights make a decoded token's reads smaller; 0 without <see cref="ModelOptions.Pack"/>.</summary>
    public long BytesSavedByPacking => _weights.BytesSaved;

    /// <summary>Maps a checkpoint and makes it ready to run; no weight is copied unless <see cref="ModelOptions.Pack"/> asks for it.</summary>
    /// <param name="model">A folder in either published layout, a safetensors file, or a name in the Hugging Face cache such as
    /// <c>openai/gpt-oss-20b</c>.</param>
    /// <param name="options">How to run it.</param>
    /// <exception cref="CheckpointFormatException">The files are not a gpt-oss checkpoint; the message says which rule of which file.</exception>
    /// <exception cref="InsufficientMemoryException">The weights are to be preloaded and are larger than the memory that this process may
    /// use.</exception>
    /// <exception cref="PlatformNotSupportedException">The machine lacks the register width.</exception>
    /// <exception cref="ArgumentException"><see cref="ModelOptions.RoundDense"/> without <see cref="Precision.Fast"/>.</exception>
    /// <exception cref="GptOssException">The device cannot run this model, or has failed.</exception>
    public static Transformer Load(string model, ModelOptions? options = null) => Load(Checkpoint.Open(model), options);

    /// <summary>The same for an opened checkpoint, which this model closes when it is disposed.</summary>
    public static Transformer Load(Checkpoint checkpoint, ModelOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        options ??= new();
        if (options.RoundDense && options.Precision != Precision.Fast)
        {
            checkpoint.Dispose();
            throw new ArgumentException("Dense weights are rounded in the fast profile only.", nameof(options));
        }
        WorkerPool? pool = null;
        try
        {
            ModelLimits.Require(checkpoint.Config, checkpoint.Folder);
            // With a device, what is reported is how far the weights have gone there.
            LoadCount? reading = options.Loading is { } loading && options.Device is null ? new(loading, checkpoint.FileBytes) : null;
            if (options.Preload)
                checkpoint.Preload(reading, options.Cancellation);              // first: views that are taken before are of the mapped file
            bool isLocked = options.Lock && checkpoint.Lock(options.Preload ? null : reading, options.Cancellation);
            pool = new(options.Threads ?? Topology.PhysicalCores);
            return new(checkpoint, new(checkpoint, options, pool), pool,
                Kernels.Create(options.Width, options.Precision, pool), ModelVariant.Sound, owner: null, options) { IsLocked = isLocked };
        }
        catch
        {
            pool?.Dispose();
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>A model over the same files and workers that deviates as given; nothing is loaded. It ends with this one.</summary>
    internal Transformer With(ModelVariant variant) =>
        new(Checkpoint, _weights, _pool, Kernels.Create(Width, Precision, _pool), variant, owner: this, options: null);

    /// <summary>An empty sequence.</summary>
    public Sequence NewSequence() => new(this);

    /// <summary>An empty cache of one layer.</summary>
    internal LayerCache NewCache(int layer) => _device?.NewCache(layer) ?? new HostCache(
        Config.NumKeyValueHeads, Config.HeadDim, Sequence.RingPositions(Config, layer), Precision == Precision.Bfloat16, CacheMemory);

    /// <summary>Feeds new tokens of one sequence.</summary>
    /// <inheritdoc cref="Forward(ReadOnlySpan{BatchItem}, LogitsBuffer, CancellationToken)"/>
    public Rows Forward(BatchItem item, LogitsBuffer into, CancellationToken cancellation = default) =>
        Forward(new ReadOnlySpan<BatchItem>(in item), into, cancellation);

    /// <summary>Feeds new tokens of any number of sequences and gives the logits that were asked for.</summary>
    /// <param name="batch">Each sequence at most once. The bits are the same alone or with others, whole or in parts.</param>
    /// <param name="into">Receives the logits; the caller's own.</param>
    /// <param name="cancellation">
    /// Checked while another caller's pass is running and before every block, or all that follow each other on a device: a chunk of 512 tokens takes
    /// the 20b many seconds. The sequences keep the length that they had before the chunk that was running, and can continue from there.
    /// </param>
    /// <returns>The rows of <paramref name="into"/>: [wanted rows, vocabulary], in the order of the batch and of its tokens.</returns>
    /// <exception cref="ArgumentException">An id is not below the vocabulary size, a sequence is twice in the batch or of another model, or a
    /// sequence outgrows the context.</exception>
    /// <exception cref="CacheFullException">The sequences would hold more than <see cref="ModelOptions.CacheBytes"/>; none was extended.</exception>
    /// <exception cref="ObjectDisposedException">A sequence or the model is disposed.</exception>
    /// <exception cref="CheckpointFormatException">A weight that the tokens need is not a number.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public Rows Forward(scoped ReadOnlySpan<BatchItem> batch, LogitsBuffer into, CancellationToken cancellation = default)
    {
        NoObserver none = default;
        return Forward(batch, into, ref none, cancellation);
    }

    /// <summary>The same, showing every stage to an observer before it is used.</summary>
    /// <exception cref="InvalidOperationException">The observer runs this model, or leaves experts that cannot be chosen.</exception>
    /// <inheritdoc cref="Forward(ReadOnlySpan{BatchItem}, LogitsBuffer, CancellationToken)"/>
    public Rows Forward<TObserver>(scoped ReadOnlySpan<BatchItem> batch, LogitsBuffer into, scoped ref TObserver observer,
        CancellationToken cancellation = default)
        where TObserver : struct, IStageObserver
    {
        ArgumentNullException.ThrowIfNull(into);
        if (_gate.IsHeldByCurrentThread)
            throw new InvalidOperationException("A forward pass is running on this thread: its observer cannot run the model that it observes.");
        while (!_gate.TryEnter(WaitMilliseconds))
            cancellation.ThrowIfCancellationRequested();
        try
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            int rows = BatchCheck.Rows(this, batch);
            _feed.Run(batch, into.Reserve(rows, Config.VocabSize), ref observer, cancellation);
            return into.Show(rows, Config.VocabSize);
        }
        finally
        {
            _gate.Exit();
        }
    }

    /// <summary>
    /// The logits that rows of the residual stream would give if no layer followed: final norm and unembedding, the logit lens. Hooks may call it.
    /// </summary>
    /// <param name="residual">[n, hidden].</param>
    /// <param name="logits">[n, vocabulary], receives the logits.</param>
    /// <exception cref="ArgumentException">The shapes are not those.</exception>
    public void Unembed(Rows residual, Rows logits)
    {
        if (residual.Width != Config.HiddenSize || logits.Width != Config.VocabSize || residual.Count != logits.Count)
        {
            throw new ArgumentException(
                $"[{residual.Count}, {residual.Width}] cannot become [{logits.Count}, {logits.Width}] logits; expected [n, {Config.HiddenSize}] " +
                    $"and [n, {Config.VocabSize}].");
        }
        Rows norm = new(new float[residual.Count * Config.HiddenSize], residual.Count, Config.HiddenSize, Config.HiddenSize);
        RunNorm(residual, norm);
        RunUnembedding(norm, logits);
    }

    /// <summary>Closes the checkpoint and stops the workers. Waits for a forward pass that is running.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
            if (_owner is not null)
                return;                                // files and workers are another's
            _device?.Dispose();
            _pool.Dispose();
            Checkpoint.Dispose();
        }
    }

    private bool IsDisposed => _disposed || _owner is { IsDisposed: true };
}
