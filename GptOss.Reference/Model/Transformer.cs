using GptOss.Reference.Checkpoints;
using GptOss.Reference.Numerics;

namespace GptOss.Reference.Model;

/// <summary>How a model is run. None of it changes a bit of the result, except <see cref="Precision"/>.</summary>
public sealed record ModelOptions
{
    /// <summary>Where values are rounded.</summary>
    public Precision Precision { get; init; } = Precision.Float32;

    /// <summary>Register width.</summary>
    public RegisterWidth Width { get; init; } = RegisterWidths.Widest;

    /// <summary>Worker threads; null for the physical cores.</summary>
    public int? Threads { get; init; }

    /// <summary>
    /// Packs the dense weights (attention, router, unembedding) without loss when the model is loaded: a quarter fewer of their bytes for
    /// every decoded token, for about three quarters of their size in private memory and some seconds. Changes no bit.
    /// </summary>
    public bool Pack { get; init; }

    /// <summary>Stops loading while weights are being packed.</summary>
    public CancellationToken Cancellation { get; init; }
}

/// <summary>gpt-oss: token ids to logits. Embed, then attention and experts in every layer, then norm and unembed.</summary>
/// <remarks>Source: <c>gpt_oss/torch/model.py</c>, <c>Transformer</c>. One forward pass runs at a time; callers on several threads wait for each other.</remarks>
public sealed partial class Transformer : IDisposable
{
    private readonly Checkpoint _checkpoint;
    private readonly ModelWeights _weights;
    private readonly Kernels _kernels;
    private readonly WorkerPool _pool;
    private readonly bool _isVariant;
    private readonly RotaryTable _rotary;
    private readonly float[] _norm;
    private readonly AttentionBlock[] _attention;
    private readonly ExpertBlock[] _experts;
    private readonly Scratch _residual = new(), _scratch = new();
    private readonly Chunk _chunk;
    private readonly Lock _gate = new();
    private readonly List<int> _wanted = [];
    private readonly List<RowOrigin> _wantedOrigins = [];
    private Memory<float> _logits;
    private bool _disposed;

    private Transformer(Checkpoint checkpoint, ModelWeights weights, WorkerPool pool, Kernels kernels, ModelVariant variant, bool isVariant)
    {
        _checkpoint = checkpoint;
        _weights = weights;
        _pool = pool;
        _isVariant = isVariant;
        GptOssConfig c = Config = variant.Config(checkpoint.Config);
        _kernels = variant.Kernels(kernels);
        _rotary = variant.Rotary(new(c.HeadDim, c.RopeTheta, c.RopeScalingFactor, c.InitialContextLength, c.RopeNtkAlpha, c.RopeNtkBeta), c);
        _norm = variant.FinalNorm(weights.Norm);
        _attention = [.. weights.Attention.Select((w, layer) => new AttentionBlock(variant.Attention(w, c), c, layer, _kernels))];
        _experts = [.. weights.Experts.Select((w, layer) => new ExpertBlock(variant.Experts(w, c), c, layer, _kernels))];
        _chunk = new(c.HeadDim);
    }

    /// <summary>The model's numbers.</summary>
    public GptOssConfig Config { get; }

    /// <summary>The files that the weights are read from.</summary>
    public Checkpoint Checkpoint => _checkpoint;

    /// <summary>Where values are rounded.</summary>
    public Precision Precision => _kernels.Precision;

    /// <summary>The register width in use.</summary>
    public RegisterWidth Width => _kernels.Width;

    /// <summary>Workers in use.</summary>
    public int Threads => _pool.Count;

    /// <summary>Bytes by which packed weights make a decoded token's reads smaller; 0 without <see cref="ModelOptions.Pack"/>.</summary>
    public long BytesSavedByPacking => _weights.BytesSaved;

    /// <summary>Where the rows lie that <see cref="Forward(ReadOnlySpan{BatchItem})"/> returned last, for readers on several threads; valid until the next call.</summary>
    internal ReadOnlyMemory<float> LastLogits => _logits;

    /// <summary>Maps a checkpoint and makes it ready to run; no weight is copied unless <see cref="ModelOptions.Pack"/> asks for it.</summary>
    /// <param name="model">A folder in either published layout, a safetensors file, or a name in the Hugging Face cache such as <c>openai/gpt-oss-20b</c>.</param>
    /// <param name="options">How to run it.</param>
    /// <exception cref="CheckpointFormatException">The files are not a gpt-oss checkpoint; the message says which rule of which file.</exception>
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
            pool = new(options.Threads ?? Topology.PhysicalCores);
            return new(checkpoint, new(checkpoint, options.Pack ? pool : null, options.Cancellation), pool, Kernels.Create(options.Width, options.Precision, pool), ModelVariant.Sound, isVariant: false);
        }
        catch
        {
            pool?.Dispose();
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>A model over the same files and workers that deviates as given; nothing is loaded. This one must outlive it.</summary>
    internal Transformer With(ModelVariant variant) =>
        new(_checkpoint, _weights, _pool, Kernels.Create(Width, Precision, _pool), variant, isVariant: true);

    /// <summary>An empty sequence.</summary>
    public Sequence NewSequence() => new(this, Config, Precision);

    /// <summary>Feeds new tokens of any number of sequences and returns the logits that were asked for.</summary>
    /// <param name="batch">Each sequence at most once. Same bits alone or in company, whole or in parts.</param>
    /// <returns>[wanted rows, vocabulary], in the order of the batch and of its tokens; valid until the next call.</returns>
    /// <exception cref="ArgumentException">An id is not below the vocabulary size, a sequence is twice in the batch or of another model, or a sequence outgrows the context.</exception>
    /// <exception cref="CheckpointFormatException">A weight that the tokens need is not a number.</exception>
    public Rows Forward(params scoped ReadOnlySpan<BatchItem> batch)
    {
        NoObserver none = default;
        return Forward(batch, ref none);
    }

    /// <summary>The same, showing every stage to an observer before it is used.</summary>
    /// <exception cref="InvalidOperationException">The observer runs this model, or leaves experts that cannot be chosen.</exception>
    /// <inheritdoc cref="Forward(ReadOnlySpan{BatchItem})"/>
    public Rows Forward<TObserver>(scoped ReadOnlySpan<BatchItem> batch, scoped ref TObserver observer) where TObserver : struct, IStageObserver
    {
        if (_gate.IsHeldByCurrentThread)
            throw new InvalidOperationException("A forward pass is running on this thread: its observer cannot run the model that it observes.");
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            int rows = Check(batch);
            if (_logits.Length < (long)rows * Config.VocabSize)
                _logits = AlignedBuffer.Allocate<float>(rows * Config.VocabSize);
            Rows logits = new(_logits.Span, rows, Config.VocabSize, Config.VocabSize);

            try
            {
                Feed(batch, logits, ref observer);
            }
            finally
            {
                Forget();
            }
            return logits;
        }
    }

    /// <summary>The logits that rows of the residual stream would give if no layer followed: final norm and unembedding, the logit lens. Hooks may call it.</summary>
    /// <param name="residual">[n, hidden].</param>
    /// <param name="logits">[n, vocabulary], receives the logits.</param>
    /// <exception cref="ArgumentException">The shapes are not those.</exception>
    public void Unembed(Rows residual, Rows logits)
    {
        if (residual.Width != Config.HiddenSize || logits.Width != Config.VocabSize || residual.Count != logits.Count)
        {
            throw new ArgumentException(
                $"[{residual.Count}, {residual.Width}] cannot become [{logits.Count}, {logits.Width}] logits; expected [n, {Config.HiddenSize}] and [n, {Config.VocabSize}].");
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
            if (_isVariant)
                return;                                // files and workers are another's
            _pool.Dispose();
            _checkpoint.Dispose();
        }
    }

    /// <summary>Passes a checked batch through the model, chunk by chunk. Chunks are filled across sequences; how they fall changes no bit.</summary>
    private void Feed<TObserver>(scoped ReadOnlySpan<BatchItem> batch, Rows logits, scoped ref TObserver observer) where TObserver : struct, IStageObserver
    {
        int item = 0, fed = 0, done = 0;
        while (item < batch.Length)
        {
            Forget();
            int firstItem = item, firstFed = fed;
            for (; item < batch.Length && _chunk.Count < Sequence.ChunkTokens; fed = 0, item++)
            {
                int take = Math.Min(batch[item].Tokens.Length - fed, Sequence.ChunkTokens - _chunk.Count);
                Enter(batch[item], fed, take);
                fed += take;
                if (fed < batch[item].Tokens.Length)
                    break;
            }
            Run(logits.Slice(done, _wanted.Count), ref observer);
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
    private void Run<TObserver>(Rows logits, ref TObserver observer) where TObserver : struct, IStageObserver
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
            _scratch.Reset(checked(tokens * AttentionBlock.ScratchFloats(Config)));
            _attention[layer].Forward(x, _chunk, _scratch, ref observer);
            _scratch.Reset(checked(tokens * ExpertBlock.ScratchFloats(Config)));
            _experts[layer].Forward(x, _chunk, _scratch, ref observer);
        }

        if (_wanted.Count == 0)
            return;
        Rows wanted = _residual.Rows(_wanted.Count, hidden), t = _residual.Rows(_wanted.Count, hidden);
        for (int i = 0; i < _wanted.Count; i++)
            x[_wanted[i]].CopyTo(wanted[i]);
        ReadOnlySpan<RowOrigin> origins = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_wantedOrigins);
        _kernels.RmsNorm(wanted, _norm, Config.RmsNormEps, t);
        if (TObserver.IsActive)
            observer.Observe(Stage.Norm, -1, origins, t);
        _kernels.Linear(t, _weights.Unembedding, bias: default, logits);
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
        long rows = 0;
        for (int i = 0; i < batch.Length; i++)
        {
            Sequence sequence = batch[i].Sequence;
            if (sequence is null || sequence.Owner != this)
                throw new ArgumentException($"Item {i} of the batch has no sequence of this model.", nameof(batch));
            for (int j = 0; j < i; j++)
            {
                if (batch[j].Sequence == sequence)
                    throw new ArgumentException($"Items {j} and {i} of the batch are the same sequence; its tokens belong into one item.", nameof(batch));
            }
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
        }
        if (rows * Config.VocabSize > Array.MaxLength - 64)
            throw new ArgumentException($"{rows} rows of {Config.VocabSize} logits are more than one call can return; ask for fewer at a time.", nameof(batch));
        return (int)rows;
    }
}
