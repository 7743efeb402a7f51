using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Checkpoints;

/// <summary>A gpt-oss checkpoint, mapped into memory: checked as a whole when opened, then read by the names of the original layout.</summary>
/// <remarks>
/// After <see cref="Open"/>, every tensor of the inventory is there exactly once with its shape and dtype, and nothing else is. Views are
/// the files' own bytes. They throw <see cref="ObjectDisposedException"/> after <see cref="Dispose"/>; a span taken before must not be used after.
/// Source: <c>gpt_oss/torch/weights.py</c>; transformers, <c>modeling_utils.py</c> (sharded loading).
/// </remarks>
public sealed class Checkpoint : IDisposable
{
    private readonly ITensorSource _source;
    private readonly Lazy<Tokenizer> _tokenizer;

    private Checkpoint(ITensorSource source, GptOssConfig config, string folder, CheckpointLayout layout, IReadOnlyList<string> notices)
    {
        (_source, Config, Folder, Layout, Notices) = (source, config, folder, layout, notices);
        TotalBytes = Tensors.Sum(tensor => tensor.Info.ByteCount);
        _tokenizer = new(() => source is GgufSource gguf ? gguf.Tokenizer : Tokenizer.ForCheckpoint(folder));
    }

    /// <summary>The checked configuration.</summary>
    public GptOssConfig Config { get; }

    /// <summary>Path of the folder that holds <c>config.json</c> or the GGUF file; for a hub name, the snapshot in the cache.</summary>
    public string Folder { get; }

    /// <summary>Its name for people: that of the folder, or of the GGUF file.</summary>
    public string Name =>
        Path.GetFileName(Layout == CheckpointLayout.Gguf ? FilePaths[0] : Path.TrimEndingDirectorySeparator(Path.GetFullPath(Folder)));

    /// <summary>The layout on disk; names passed to this class are the original ones either way.</summary>
    public CheckpointLayout Layout { get; }

    /// <summary>Sentences about values that were assumed or choices that were made; for people.</summary>
    public IReadOnlyList<string> Notices { get; }

    /// <summary>Paths of the weight files; those of a folder in ordinal order of their names.</summary>
    public IReadOnlyList<string> FilePaths => _source.Paths;

    /// <summary>Every tensor under its stored name, in file and data order.</summary>
    public IReadOnlyList<StoredTensor> Tensors => _source.Tensors;

    /// <summary>Bytes of all tensors, without headers: 13,761,264,768 for gpt-oss-20b.</summary>
    public long TotalBytes { get; }

    /// <summary>Text ↔ ids: the checkpoint's own vocabulary, else o200k_harmony. Read on first use.</summary>
    /// <exception cref="TokenizerFormatException">A <c>tokenizer.json</c> is there and breaks a rule.</exception>
    public Tokenizer Tokenizer => _tokenizer.Value;

    /// <summary>Whose names and conventions the files follow, for people.</summary>
    public string Dialect =>
        _source is GgufSource gguf ? $"GGUF, {gguf.Dialect}" : Layout == CheckpointLayout.Original ? "original layout" : "Hugging Face layout";

    /// <summary>The safetensors files; none for GGUF.</summary>
    internal IReadOnlyList<SafeTensorsFile> Files => (_source as SafeTensorsSource)?.Files ?? [];

    /// <summary>Finds, maps and checks a checkpoint.</summary>
    /// <param name="model">A folder, a <c>.safetensors</c> or <c>.gguf</c> file, or a hub name such as <c>openai/gpt-oss-20b</c> in the Hugging Face
    /// cache.</param>
    /// <exception cref="CheckpointFormatException">Not found, unreadable, or not a gpt-oss checkpoint; the message says which rule and what to
    /// do.</exception>
    /// <exception cref="PlatformNotSupportedException">The machine is big-endian.</exception>
    public static Checkpoint Open(string model)
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("Checkpoints are little-endian and are mapped as they are; this machine is big-endian.");
        var folder = CheckpointFolder.Resolve(model);
        var notices = new List<string>(folder.Notices);
        if (folder.Layout == CheckpointLayout.Gguf)
        {
            var gguf = GgufSource.Open(folder.FilePaths[0], notices);
            return new Checkpoint(gguf, gguf.Config, folder.FolderPath, folder.Layout, notices);
        }
        GptOssConfig config = ConfigReader.Read(folder.ConfigPath, notices);
        return new Checkpoint(SafeTensorsSource.Open(folder, config, notices), config, folder.FolderPath, folder.Layout, notices);
    }

    /// <summary>The matrices of a tensor, as the pieces it is stored in, which follow each other along its rows.</summary>
    /// <param name="originalName">As <c>block.0.attn.qkv.weight</c>; experts without the ending, <c>block.0.mlp.mlp1_weight</c>.</param>
    /// <exception cref="ArgumentException">The model has no such tensor, or it is not a matrix.</exception>
    internal IReadOnlyList<Weights> Matrices(string originalName) => _source.Matrices(originalName);

    /// <summary>The matrix of a tensor that is stored in one piece.</summary>
    /// <exception cref="ArgumentException">The model has no such tensor, or it is not a matrix.</exception>
    /// <exception cref="InvalidOperationException">It is stored in several pieces.</exception>
    internal Weights Matrix(string originalName) => One(Matrices(originalName), originalName, nameof(Matrices));

    /// <summary>The values of a bias, gain or sinks, as the pieces it is stored in.</summary>
    /// <exception cref="ArgumentException">The model has no such tensor.</exception>
    internal IReadOnlyList<StoredVector> Vectors(string originalName) => _source.Vectors(originalName);

    /// <summary>The values of a bias, gain or sinks that are stored in one piece.</summary>
    /// <exception cref="ArgumentException">The model has no such tensor.</exception>
    /// <exception cref="InvalidOperationException">It is stored in several pieces.</exception>
    internal StoredVector Vector(string originalName) => One(Vectors(originalName), originalName, nameof(Vectors));

    /// <summary>Reads every weight and refuses the first that is not a finite number: a bfloat16 NaN or infinity, an MXFP4 scale of 255.</summary>
    /// <param name="cancellation">Stops between two tensors.</param>
    /// <returns>How many values and scales there are.</returns>
    /// <exception cref="CheckpointFormatException">Where it is.</exception>
    public long RequireNumbers(CancellationToken cancellation = default) => _source.RequireNumbers(cancellation);

    /// <summary>
    /// Reads all weights into private memory, on large pages where the system has them; views that are taken from here on are of the copy.
    /// </summary>
    /// <remarks>For machines that drop mapped pages which have not been used for a while. Changes no bit.</remarks>
    /// <param name="progress">Receives the bytes of each piece that has been read, from the reading threads.</param>
    /// <param name="cancellation">Stops the reading; the mapped files serve on.</param>
    /// <exception cref="InsufficientMemoryException">The weights are larger than the memory that this process may use.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    internal void Preload(IProgress<long>? progress = null, CancellationToken cancellation = default)
    {
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (_source.FileBytes > available)
            throw new InsufficientMemoryException($"Preloading takes {_source.FileBytes} bytes of memory; this process may use {available}.");
        _source.Preload(progress, cancellation);
    }

    /// <summary>Bytes of all files.</summary>
    internal long FileBytes => _source.FileBytes;

    /// <summary>Reads all weights into memory, mapped or preloaded, and keeps them there until <see cref="Dispose"/>. Changes no bit.</summary>
    /// <param name="progress">Receives the bytes of each piece that has been read, from the reading threads.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <returns>Whether the system lets this process lock so much; the weights have been read in either case.</returns>
    internal bool Lock(IProgress<long>? progress = null, CancellationToken cancellation = default) => _source.Lock(progress, cancellation);

    /// <summary>The bits of a BF16 tensor that a safetensors checkpoint stores in one piece, row-major.</summary>
    /// <exception cref="ArgumentException">The model has no such tensor, or it is not BF16.</exception>
    /// <exception cref="InvalidOperationException">It is stored in several parts; see <see cref="Bf16Parts"/>.</exception>
    internal ReadOnlyMemory<ushort> Bf16(string originalName) => SafeTensors.Bf16(originalName);

    /// <inheritdoc cref="SafeTensorsSource.Bf16Parts"/>
    internal IReadOnlyList<ReadOnlyMemory<ushort>> Bf16Parts(string originalName) => SafeTensors.Bf16Parts(originalName);

    /// <inheritdoc cref="SafeTensorsSource.U8"/>
    internal ReadOnlyMemory<byte> U8(string originalName) => SafeTensors.U8(originalName);

    /// <summary>Part of the bytes of one of <see cref="Tensors"/>.</summary>
    internal ReadOnlySpan<byte> Part(StoredTensor tensor, long offset, int count) => _source.Part(tensor, offset, count);

    /// <summary>
    /// The ids that <c>eos_token_id</c> lists: of <c>generation_config.json</c>, which for a folder named <c>original</c> may be in its parent, or of
    /// a GGUF file's metadata. Empty where none is given.
    /// </summary>
    /// <exception cref="CheckpointFormatException">The file is there and unusable.</exception>
    public IReadOnlyList<int> EosTokenIds()
    {
        if (_source is GgufSource gguf)
            return gguf.EndIds;
        var config = GenerationConfig.Find(Folder);
        if (config is null && new DirectoryInfo(Folder) is { Name: "original", Parent: { } parent })
            config = GenerationConfig.Find(parent.FullName);
        return config?.EosTokenIds ?? [];
    }

    /// <summary>Unmaps every file. Views throw from here on.</summary>
    public void Dispose() => _source.Dispose();

    private SafeTensorsSource SafeTensors =>
        _source as SafeTensorsSource ?? throw new InvalidOperationException("The tensors of a GGUF file are read as matrices and vectors.");

    private static T One<T>(IReadOnlyList<T> parts, string name, string all) => parts.Count == 1 ? parts[0]
        : throw new InvalidOperationException($"'{name}' is stored in {parts.Count} pieces; read them with {all}.");
}
