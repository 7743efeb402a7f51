using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Gguf;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Formats.Blocks;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Checkpoints;

/// <summary>A gpt-oss model in GGUF files, read in place.</summary>
internal sealed class GgufSource : ITensorSource
{
    private readonly GgufFiles _files;
    private readonly Dictionary<string, string[]> _parts;               // original name → stored names

    private GgufSource(GgufFiles files, GptOssConfig config, Dictionary<string, string[]> parts, Tokenizer tokenizer, IReadOnlyList<int> endIds,
        string dialect)
    {
        (_files, _parts, Config, Tokenizer, EndIds, Dialect) = (files, parts, config, tokenizer, endIds, dialect);
        Tensors = [.. files.Files.SelectMany(file => file.Tensors.Select(tensor => new StoredTensor(file.Path,
            new TensorInfo(tensor.Name, DType.U8, [.. tensor.Dimensions.Reverse()], tensor.Offset, tensor.Offset + tensor.ByteCount),
            tensor.Type.Name)))];
    }

    internal GptOssConfig Config { get; }

    internal Tokenizer Tokenizer { get; }

    /// <summary>The ids that the file says end a turn.</summary>
    internal IReadOnlyList<int> EndIds { get; }

    /// <summary>Whose names the file has, for people.</summary>
    internal string Dialect { get; }

    public IReadOnlyList<string> Paths => [.. _files.Files.Select(file => file.Path)];

    public IReadOnlyList<StoredTensor> Tensors { get; }

    public long FileBytes => _files.Files.Sum(file => file.FileBytes);

    /// <summary>Opens and checks a model, given its first file.</summary>
    /// <exception cref="CheckpointFormatException">It is not a gpt-oss model, or breaks a rule.</exception>
    internal static GgufSource Open(string path, List<string> notices)
    {
        var files = GgufFiles.Open(path);
        try
        {
            GptOssConfig config = GgufConfig.Read(files.Metadata, files.Tensors, notices);
            Dictionary<string, string[]> parts = GgufTensors.Find(path, config, files.Tensors);
            Tokenizer tokenizer = GgufVocabulary.Read(files.Metadata, config.VocabSize);
            IReadOnlyList<int> endIds = GgufVocabulary.EndIds(files.Metadata, config.VocabSize);
            string dialect = GgufConfig.ArchitectureOf(files.Metadata) == GgufConfig.OllamaArchitecture ? "Ollama's names" : "llama.cpp's names";
            return new GgufSource(files, config, parts, tokenizer, endIds, dialect);
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    public IReadOnlyList<Weights> Matrices(string originalName) => [.. Parts(originalName).Select(Matrix)];

    public IReadOnlyList<StoredVector> Vectors(string originalName) => [.. Parts(originalName).Select(Vector)];

    public long RequireNumbers(CancellationToken cancellation)
    {
        long numbers = 0;
        foreach ((string name, GgufTensor tensor) in _files.Tensors)
        {
            cancellation.ThrowIfCancellationRequested();
            numbers += tensor.Dimensions.Aggregate(1L, (a, b) => a * b);
            if (IsVector(tensor))
            {
                if (Vector(name).FindNotANumber() is { } found)
                    throw Refusal(name, found);
                continue;
            }
            Weights matrix = Matrix(name);
            for (int i = 0; i < matrix.Count; i++)
                matrix.RequireNumbers(i);
        }
        return numbers;
    }

    public ReadOnlySpan<byte> Part(StoredTensor tensor, long offset, int count) =>
        _files.FileOf(tensor.Info.Name).View<byte>(_files.Tensors[tensor.Info.Name]).Span.Slice((int)offset, count);

    public void Preload(IProgress<long>? progress, CancellationToken cancellation)
    {
        foreach (GgufFile file in _files.Files)
            file.Preload(progress, cancellation);
    }

    public bool Lock(IProgress<long>? progress, CancellationToken cancellation)
    {
        bool all = true;
        foreach (GgufFile file in _files.Files)
            all &= file.Lock(progress, cancellation);
        return all;
    }

    public void Dispose() => _files.Dispose();

    private string[] Parts(string originalName) => _parts.TryGetValue(originalName, out string[]? parts) ? parts
        : throw new ArgumentException($"A gpt-oss model of {Config.NumHiddenLayers} layers has no tensor '{Printable.Clip(originalName)}'.",
            nameof(originalName));

    // By name: a matrix with one row would look like a vector.
    private static bool IsVector(GgufTensor tensor) => tensor.Name.EndsWith(".bias", StringComparison.Ordinal)
        || tensor.Name.EndsWith("norm.weight", StringComparison.Ordinal) || tensor.Name.Contains("attn_sinks", StringComparison.Ordinal);

    private Weights Matrix(string name)
    {
        GgufFile file = _files.FileOf(name);
        GgufTensor tensor = _files.Tensors[name];
        int columns = (int)tensor.Dimensions[0], rows = Dimension(1), count = Dimension(2);
        ReadOnlyMemory<byte> bytes = file.View<byte>(tensor);
        Func<NotANumber, Exception> refusal = found => Refusal(name, found);
        return tensor.Type.Id switch
        {
            0 => new PlainMatrix<F32Element>(bytes, rows, columns, count) { Refusal = refusal },
            1 => new PlainMatrix<F16Element>(bytes, rows, columns, count) { Refusal = refusal },
            30 => new Bf16Matrix(file.View<ushort>(tensor), rows, columns, count) { Refusal = refusal },
            2 => new BlockMatrix<Q4_0>(bytes, rows, columns, count) { Refusal = refusal },
            3 => new BlockMatrix<Q4_1>(bytes, rows, columns, count) { Refusal = refusal },
            6 => new BlockMatrix<Q5_0>(bytes, rows, columns, count) { Refusal = refusal },
            7 => new BlockMatrix<Q5_1>(bytes, rows, columns, count) { Refusal = refusal },
            8 => new BlockMatrix<Q8_0>(bytes, rows, columns, count) { Refusal = refusal },
            10 => new BlockMatrix<Q2K>(bytes, rows, columns, count) { Refusal = refusal },
            11 => new BlockMatrix<Q3K>(bytes, rows, columns, count) { Refusal = refusal },
            12 => new BlockMatrix<Q4K>(bytes, rows, columns, count) { Refusal = refusal },
            13 => new BlockMatrix<Q5K>(bytes, rows, columns, count) { Refusal = refusal },
            14 => new BlockMatrix<Q6K>(bytes, rows, columns, count) { Refusal = refusal },
            20 => new BlockMatrix<Iq4Nl>(bytes, rows, columns, count) { Refusal = refusal },
            23 => new BlockMatrix<Iq4Xs>(bytes, rows, columns, count) { Refusal = refusal },
            _ => new Mxfp4Blocks(bytes, rows, columns, count, arePairs: tensor.Type == GgufType.OllamaMxfp4) { Refusal = refusal },
        };

        int Dimension(int i) => i < tensor.Dimensions.Count ? (int)tensor.Dimensions[i] : 1;
    }

    private StoredVector Vector(string name)
    {
        GgufFile file = _files.FileOf(name);
        GgufTensor tensor = _files.Tensors[name];
        if (tensor.Type == GgufType.F32)
            return new StoredVector(file.View<float>(tensor));
        if (tensor.Type == GgufType.BF16)
            return new StoredVector(file.View<ushort>(tensor));
        ReadOnlySpan<byte> halves = file.View<byte>(tensor).Span;
        float[] values = new float[halves.Length / sizeof(ushort)];
        for (int i = 0; i < values.Length; i++)
            values[i] = Float16.Read(halves[(i * sizeof(ushort))..]);
        return new StoredVector(values);
    }

    private CheckpointFormatException Refusal(string name, NotANumber found) =>
        new(_files.FileOf(name).Path, "gguf-value", $"tensor '{name}' has {found.Found} at byte {found.Offset}; {found.Expected}.");
}
