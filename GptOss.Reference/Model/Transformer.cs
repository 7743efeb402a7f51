using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Caches;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.RowKernels;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Model;

/// <summary>How a model is run. None of it changes a bit of the result, except <see cref="Precision"/>.</summary>
public sealed record ModelOptions
{
    /// <summary>Where values are rounded.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not one of the profiles.</exception>
    public Precision Precision
    {
        get;
        init => field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(Precision), value, "There is no such profile.");
    } = Precision.Float32;

    /// <summary>Register width. One that the machine lacks is refused when the model is loaded.</summary>
    public RegisterWidth Width { get; init; } = RegisterWidths.Widest;

    /// <summary>Worker threads; null for the physical cores.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not in 1 … <see cref="WorkerPool.MostThreads"/>.</exception>
    public int? Threads
    {
        get;
        init => field = WorkerPool.Checked(value, nameof(Threads));
    }

    /// <summary>
    /// Packs the dense weights (attention, router, unembedding) without loss when the model is loaded: a quarter fewer of their bytes for
    /// every decoded token, for about three quarters of their size in private memory and some seconds. Changes no bit.
    /// </summary>
    public bool Pack { get; init; }

    /// <summary>
    /// Copies the weights into private memory first, on large pages where the system has them: for machines that drop mapped pages which go unused
    /// for a while. Changes no bit.
    /// </summary>
    public bool Preload { get; init; }

    /// <summary>
    /// The most bytes of keys and values that all sequences of the model may hold together, shared pages counted once; null for no limit.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public long? CacheBytes
    {
        get;
        init => field = value is null or >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(CacheBytes), value, "The cache has at least 1 byte, or null for no limit.");
    }

    /// <summary>Stops loading while weights are copied or packed.</summary>
    public CancellationToken Cancellation { get; init; }
}

/// <summary>gpt-oss: token ids to logits. Embed, then attention and experts in every layer, then norm and unembed.</summary>
/// <remarks>
/// Source: <c>gpt_oss/torch/model.py</c>, <c>Transformer</c>. One forward pass runs at a time; callers on several threads wait for each other.
/// </remarks>
public sealed partial class Transformer : IDisposable
{
    /// <summary>How often a caller that waits for another's pass looks whether it has been cancelled.</summary>
    private const int WaitMilliseconds = 20;

    private readonly Checkpoint _checkpoint;
    private readonly ModelWeights _weights;
    private readonly Kernels _kernels;
    private readonly WorkerPool _pool;
    private readonly Transformer? _owner;               // of a variant: the model whose files, workers and turn it uses
    private readonly RotaryTable _rotary;
    private readonly float[] _norm;
    private readonly AttentionBlock[] _attention;
    private readonly ExpertBlock[] _experts;
    private readonly Scratch _residual = new(), _scratch = new();
    private readonly Chunk _chunk;
    private readonly int _chunkTokens;
    private readonly Lock _gate;
    private readonly List<int> _wanted = [];
    private readonly List<RowOrigin> _wantedOrigins = [];
    private bool _disposed;

    private Transformer(Checkpoint checkpoint, ModelWeights weights, WorkerPool pool, Kernels kernels, ModelVariant variant, Transformer? owner,
        long? cacheBytes)
    {
        _checkpoint = checkpoint;
        _weights = weights;
        _pool = pool;
        _owner = owner;
        _gate = owner?._gate ?? new();
        CacheMemory =
            owner?.CacheMemory ?? HostCache.NewMemory(checkpoint.Config.NumKeyValueHeads, checkpoint.Config.HeadDim,
                kernels.Precision == Precision.Bfloat16, cacheBytes);
        ModelVariant whole = variant.At(layer: null);
        GptOssConfig c = Config = whole.Config(checkpoint.Config);
        _kernels = whole.Kernels(kernels);
        _rotary = whole.Rotary(new(c.HeadDim, c.RopeTheta, c.RopeScalingFactor, c.InitialContextLength, c.RopeNtkAlpha, c.RopeNtkBeta), c);
        _norm = whole.FinalNorm(weights.Norm);
        _attention = new AttentionBlock[c.NumHiddenLayers];
        _experts = new ExpertBlock[c.NumHiddenLayers];
        for (int layer = 0; layer < c.NumHiddenLayers; layer++)
        {
            ModelVariant here = variant.At(layer);
            bool isAlone = here != whole;
            // caches follow the windows
            GptOssConfig own = isAlone ? here.Config(c) with { SlidingWindow = c.SlidingWindow, SlidingLayers = c.SlidingLayers } : c;
            Kernels operations = isAlone ? here.Kernels(kernels) : _kernels;
            _attention[layer] = new(here.Attention(weights.Attention[layer], own), own, layer, operations);
            _experts[layer] = new(here.Experts(weights.Experts[layer], own), own, layer, operations);
        }
        _chunk = new(c.HeadDim);
        _chunkTokens = ModelLimits.ChunkTokens(c);
    }

    /// <summary>The model's numbers.</summary>
    public GptOssConfig Config { get; }

    /// <summary>The files that the weights are read from.</summary>
    public Checkpoint Checkpoint => _checkpoint;

    /// <summary>Where values are rounded.</summary>
    public Precision Precision => _kernels.Precision;

    /// <summary>The register width in use.</summary>
    public RegisterWidth Width => _kernels.Width;

    /// <summary>What the keys and values of all its sequences take.</summary>
    public CacheMemory CacheMemory { get; }

    /// <summary>Workers in use.</summary>
    public int Threads => _pool.Count;

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
    public static Transformer Load(string model, ModelOptions? options = null) => Load(Checkpoint.Open(model), options);

    /// <summary>The same for an opened checkpoint, which this model closes when it is disposed.</summary>
    public static Transformer Load(Checkpoint checkpoint, ModelOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        options ??= new();
        WorkerPool? pool = null;
        try
        {
            ModelLimits.Require(checkpoint.Config, checkpoint.Folder);
            if (options.Preload)
                checkpoint.Preload(cancellation: options.Cancellation);         // first: views that are taken before are of the mapped file
            pool = new(options.Threads ?? Topology.PhysicalCores);
            return new(checkpoint, new(checkpoint, options.Pack ? pool : null, options.Cancellation), pool,
                Kernels.Create(options.Width, options.Precision, pool), ModelVariant.Sound, owner: null, options.CacheBytes);
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
        new(_checkpoint, _weights, _pool, Kernels.Create(Width, Precision, _pool), variant, owner: this, cacheBytes: null);

    /// <summary>An empty sequence.</summary>
    public Sequence NewSequence() => new(this, Config, Precision);

    /// <summary>Feeds new tokens of one sequence.</summary>
    /// <inheritdoc cref="Forward(ReadOnlySpan{BatchItem}, LogitsBuffer, CancellationToken)"/>
    public Rows Forward(BatchItem item, LogitsBuffer into, CancellationToken cancellation = default) =>
        Forward(new ReadOnlySpan<BatchItem>(in item), into, cancellation);

    /// <summary>Feeds new tokens of any number of sequences and gives the logits that were asked for.</summary>
    /// <param name="batch">Each sequence at most once. Same bits alone or in company, whole or in parts.</param>
    /// <param name="into">Receives the logits; the caller's own.</param>
    /// <param name="cancellation">
    /// Looked at while another caller's pass is running and before every block: a chunk of 512 tokens takes the 20b many seconds. The sequences keep
    /// the length that they had before the chunk that was running, and may go on from there.
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
            int rows = Check(batch);
            Feed(batch, into.Reserve(rows, Config.VocabSize), ref observer, cancellation);
            return into.Show(rows, Config.VocabSize);
        }
        finally
        {
            Forget();
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
            _pool.Dispose();
            _checkpoint.Dispose();
        }
    }

    private bool IsDisposed => _disposed || _owner is { IsDisposed: true };

    /// <summary>Passes a checked batch through the model, chunk by chunk. Chunks are filled across sequences; how they fall changes no bit.</summary>
    private void Feed<TObserver>(scoped ReadOnlySpan<BatchItem> batch, Rows logits, scoped ref TObserver observer, CancellationToken cancellation)
        where TObserver : struct, IStageObserver
    {
        int item = 0, fed = 0, done = 0;
        while (item < batch.Length)
        {
            Forget();
            int firstItem = item, firstFed = fed;
            for (; item < batch.Length && _chunk.Count < _chunkTokens; fed = 0, item++)
            {
                int take = Math.Min(batch[item].Tokens.Length - fed, _chunkTokens - _chunk.Count);
                Enter(batch[item], fed, take);
                fed += take;
                if (fed < batch[item].Tokens.Length)
                    break;
            }
            Run(logits.Slice(done, _wanted.Count), ref observer, cancellation);
            done += _wanted.Count;
            for (int i = firstItem, from = firstFed; i <= item && i < batch.Length; i++, from = 0)
                batch[i].Sequence.Commit((i < item ? batch[i].Tokens.Length : fed) - from);
        }
    }

    /// <summary>Lets go of the last chunk and its sequences.</summary>
    private void Forget()
    {
        _chunk.Clear();
        _wanted.Clear();
        _wantedOrigins.Clear();
    }

    /// <summary>Puts tokens <paramref name="from"/> … + <paramref name="count"/> − 1 of an item into the chunk.</summary>
    private void Enter(BatchItem item, int from, int count)
    {
        for (int offset = from; offset < from + count; offset++)
        {
            if (!item.Logits.Contains(offset, item.Tokens.Length))
                continue;
            _wanted.Add(_chunk.Count + offset - from);
            _wantedOrigins.Add(new(item.Sequence, item.Sequence.Length + offset - from));
        }
        item.Sequence.Reserve(count);
        _chunk.Add(item.Sequence, item.Sequence.Length, item.Tokens.Span.Slice(from, count), _rotary);
    }

    /// <summary>One chunk through the whole model.</summary>
    private void Run<TObserver>(Rows logits, ref TObserver observer, CancellationToken cancellation) where TObserver : struct, IStageObserver
    {
        int tokens = _chunk.Count, hidden = Config.HiddenSize;
        if (tokens == 0)
            return;
        _residual.Reset((tokens + 2 * _wanted.Count) * Scratch.Stride(hidden));
        Rows x = _residual.Rows(tokens, hidden);                        // the residual stream, [tokens, hidden]
        Embed(x);
        if (TObserver.IsActive)
            observer.Observe(Stage.Embedding, -1, _chunk.Origins, x);

        for (int layer = 0; layer < Config.NumHiddenLayers; layer++)
        {
            cancellation.ThrowIfCancellationRequested();
            _scratch.Reset(tokens * AttentionBlock.ScratchFloats(Config));
            _attention[layer].Forward(x, _chunk, _scratch, ref observer);
            cancellation.ThrowIfCancellationRequested();
            _scratch.Reset(tokens * ExpertBlock.ScratchFloats(Config));
            _experts[layer].Forward(x, _chunk, _scratch, ref observer);
        }

        if (_wanted.Count == 0)
            return;
        cancellation.ThrowIfCancellationRequested();
        Rows wanted = _residual.Rows(_wanted.Count, hidden), t = _residual.Rows(_wanted.Count, hidden);
        for (int i = 0; i < _wanted.Count; i++)
            x[_wanted[i]].CopyTo(wanted[i]);
        ReadOnlySpan<RowOrigin> origins = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_wantedOrigins);
        _kernels.RowWise.RmsNorm(wanted, _norm, Config.RmsNormEps, t);
        if (TObserver.IsActive)
            observer.Observe(Stage.Norm, -1, origins, t);
        _kernels.Products.Linear(t, _weights.Unembedding, bias: default, logits);
        if (TObserver.IsActive)
            observer.Observe(Stage.Logits, -1, origins, logits);
    }

    private void Embed(Rows x)
    {
        for (int row = 0; row < x.Count; row++)
            _weights.Embedding.Decode(_chunk.Tokens[row], x[row]);
    }

    /// <summary>Refuses what cannot be fed, before anything is changed; counts the logits rows.</summary>
    private int Check(ReadOnlySpan<BatchItem> batch)
    {
        long rows = 0, bytes = 0;
        for (int i = 0; i < batch.Length; i++)
        {
            Sequence sequence = batch[i].Sequence;
            if (sequence is null || sequence.Owner != this)
                throw new ArgumentException($"Item {i} of the batch has no sequence of this model.", nameof(batch));
            for (int j = 0; j < i; j++)
            {
                if (batch[j].Sequence == sequence)
                {
                    throw new ArgumentException($"Items {j} and {i} of the batch are the same sequence; its tokens belong into one item.",
                        nameof(batch));
                }
            }
            ObjectDisposedException.ThrowIf(sequence.IsDisposed, sequence);
            ReadOnlySpan<int> tokens = batch[i].Tokens.Span;
            if (tokens.Length > Config.MaxPositions - sequence.Length)
            {
                throw new ArgumentException(
                    $"{tokens.Length} tokens after {sequence.Length} exceed the model's context of {Config.MaxPositions} positions.", nameof(batch));
            }
            foreach (int token in tokens)
            {
                if ((uint)token >= (uint)Config.VocabSize)
                    throw new ArgumentException($"Token id {token} is unknown; the vocabulary has ids 0 to {Config.VocabSize - 1}.", nameof(batch));
            }
            rows += batch[i].Logits.Count(tokens.Length);
            bytes += CacheMemory.IsUnlimited ? 0 : sequence.BytesToExtend(tokens.Length);
        }
        if (bytes > CacheMemory.Limit - CacheMemory.Held)
            throw CacheFullException.Of(CacheMemory, bytes);
        if (rows * Config.VocabSize > Array.MaxLength - 64)
        {
            throw new ArgumentException($"{rows} rows of {Config.VocabSize} logits are more than one call can return; ask for fewer at a time.",
                nameof(batch));
        }
        return (int)rows;
    }
}
