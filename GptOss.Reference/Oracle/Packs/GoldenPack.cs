using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;

namespace GptOss.Reference.Oracle.Packs;

/// <summary>What a pack records.</summary>
public enum PackKind
{
    /// <summary>Stages at positions of one prompt.</summary>
    Trace,

    /// <summary>Logits at positions of one prompt, sound and under known mistakes.</summary>
    Defects,

    /// <summary>Last logits after prompts of several lengths.</summary>
    Lengths,

    /// <summary>Greedy continuations of prompts.</summary>
    Greedy,
}

/// <summary>A greedy continuation and, at every step, the distance of the two largest logits.</summary>
/// <param name="Continuation">Token ids, a stop token included.</param>
/// <param name="Margins">One for each.</param>
internal sealed record GreedyRecord(IReadOnlyList<int> Continuation, IReadOnlyList<double> Margins);

/// <summary>A prompt of a greedy pack.</summary>
/// <param name="Text">The text; for people.</param>
/// <param name="Ids">Its token ids.</param>
/// <param name="Float32">What the reference continues it with in float32; null where not recorded.</param>
/// <param name="Bfloat16">The same as published.</param>
internal sealed record GreedyPrompt(string Text, IReadOnlyList<int> Ids, GreedyRecord? Float32, GreedyRecord? Bfloat16)
{
    /// <summary>The record that a run of one precision is compared with.</summary>
    public GreedyRecord? Of(Precision precision) => precision == Precision.Bfloat16 ? Bfloat16 : Float32;
}

/// <summary>A folder with recordings: of the published reference, or one that <see cref="Tracer"/> wrote. Nothing in it is trusted.</summary>
/// <remarks>Format: docs/golden-packs.md; what the published reference recorded: testdata/goldens/README.md.</remarks>
public sealed class GoldenPack
{
    private const string LastLogits = "logits.last";
    private readonly PackManifest _manifest;

    private GoldenPack(string folder, PackManifest manifest) => (Folder, _manifest) = (folder, manifest);

    /// <summary>Path of the folder.</summary>
    public string Folder { get; }

    /// <summary>Name of the folder.</summary>
    public string Name => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(Folder)));

    /// <summary>What it records.</summary>
    public PackKind Kind => _manifest.Kind;

    /// <summary>Token ids of the prompt; empty in a greedy pack.</summary>
    public IReadOnlyList<int> Ids => _manifest.Ids;

    /// <summary>Positions whose rows are recorded, ascending; empty where the kind has none.</summary>
    public IReadOnlyList<int> Positions => _manifest.Positions;

    /// <summary>Whether every position of the prompt is recorded.</summary>
    public bool HasEveryPosition => Positions.Count == Ids.Count;

    /// <summary>Prompt lengths of a lengths pack.</summary>
    public IReadOnlyList<int> Lengths => _manifest.Lengths;

    /// <summary>Names of the mistakes of a defects pack.</summary>
    public IReadOnlyList<string> Defects => _manifest.Defects;

    /// <summary>Prompts of a greedy pack.</summary>
    internal IReadOnlyList<GreedyPrompt> Prompts => _manifest.Prompts;

    /// <summary>Ids that end a continuation of a greedy pack.</summary>
    public IReadOnlyList<int> Stop => _manifest.Stop;

    /// <summary>The configuration, as the manifest spells it; null where only a checkpoint is named.</summary>
    public string? ConfigJson => _manifest.ConfigJson;

    /// <summary>The seed of the synthetic checkpoint; null where a checkpoint is named.</summary>
    public ulong? Seed => _manifest.Seed;

    /// <summary>Name of the checkpoint; null where it is synthetic, or known by its files only.</summary>
    public string? CheckpointName => _manifest.Checkpoint;

    /// <summary>The weight files of the checkpoint with their checksums; empty where it is synthetic or known by name only.</summary>
    public IReadOnlyList<FileChecksum> CheckpointFiles => _manifest.CheckpointFiles;

    /// <summary>The pack's own files with their checksums; empty where it lists none.</summary>
    public IReadOnlyList<FileChecksum> Files => _manifest.Files;

    /// <summary>The logits hash in the manifest; null where it states none.</summary>
    public string? LogitsHash => _manifest.LogitsHash;

    /// <summary>How far a run may lie from the recording: the pack's own budgets where its manifest states any, else the published ones.</summary>
    public Budgets Budgets => _manifest.Budgets;

    private string ManifestPath => Path.Combine(Folder, PackManifest.FileName);

    /// <summary>Opens a pack: reads its manifest and checks all of it.</summary>
    /// <exception cref="CheckpointFormatException">The manifest cannot be read or states something impossible; the message says what.</exception>
    public static GoldenPack Open(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return new(folder, PackManifest.Read(Path.Combine(folder, PackManifest.FileName)));
    }

    /// <summary>Whether something was recorded in a precision.</summary>
    public bool Has(Precision precision) => Kind == PackKind.Greedy
        ? precision != Precision.Fast && Prompts.Any(prompt => prompt.Of(precision) is not null)
        : File.Exists(PathOf(precision));

    /// <summary>
    /// Whether a run of a precision can be compared: with what was recorded in it, and the greedy answers of the fast profile with those of float32.
    /// </summary>
    public bool Judges(Precision precision) => Has(precision) || (Kind == PackKind.Greedy && precision == Precision.Fast && Has(Precision.Float32));

    /// <summary>The recorded stages of a trace pack, in file order.</summary>
    /// <param name="precision">Which recording.</param>
    /// <param name="config">The checkpoint's numbers, which every shape must fit.</param>
    /// <exception cref="CheckpointFormatException">The file breaks a rule of its format, or a tensor is not a stage of such a model.</exception>
    public Trace ReadTrace(Precision precision, GptOssConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        RequireKind(PackKind.Trace);
        using var file = SafeTensorsFile.Open(PathOf(precision));
        var stages = new List<StageRows>();
        foreach ((TensorInfo tensor, StageKey key) in StagesOf(file, precision, config))
        {
            var rows = new StageRows(key, Positions.Count, key.Width(config));
            if (key.IsExperts)
                ReadExperts(file, tensor, rows, config);
            else
                Widen(file, tensor.Name, rows.Values);
            stages.Add(rows);
        }
        return new(precision, Positions, stages, LogitsHash);
    }

    /// <summary>The recorded logits of the last id; null where the pack has none of their own.</summary>
    /// <inheritdoc cref="ReadTrace" path="/exception"/>
    public float[]? ReadLastLogits(Precision precision, GptOssConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        RequireKind(PackKind.Trace);
        using var file = SafeTensorsFile.Open(PathOf(precision));
        return file.TryGet(LastLogits, out _) ? ReadLogits(file, LastLogits, precision, [config.VocabSize]) : null;
    }

    /// <summary>The logits at the positions of a defects pack: <c>sound</c>, or those under a mistake. [positions · vocabulary].</summary>
    /// <inheritdoc cref="ReadTrace" path="/exception"/>
    public float[] ReadDefect(string name, GptOssConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        RequireKind(PackKind.Defects);
        using var file = SafeTensorsFile.Open(PathOf(Precision.Float32));
        return ReadLogits(file, name, Precision.Float32, [Positions.Count, config.VocabSize]);
    }

    /// <summary>The last logits after each of the lengths of a lengths pack.</summary>
    /// <inheritdoc cref="ReadTrace" path="/exception"/>
    public IReadOnlyList<float[]> ReadLengths(Precision precision, GptOssConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        RequireKind(PackKind.Lengths);
        using var file = SafeTensorsFile.Open(PathOf(precision));
        return [.. Lengths.Select(length => ReadLogits(file, $"length-{length}", precision, [config.VocabSize]))];
    }

    /// <summary>
    /// The logits hash that a run must give: the manifest's, of its profile; else that of the folder above, from its <c>logits_hashes.json</c>; else
    /// null.
    /// </summary>
    /// <exception cref="CheckpointFormatException">That file cannot be read or holds something else.</exception>
    public string? ExpectedLogitsHash(Precision precision) =>
        LogitsHash is { } own && (_manifest.Profile ?? Precision.Float32) == precision ? own : ExpectedHashes.Find(Folder, Name, precision);

    /// <summary>Refuses what a model of these numbers could not have recorded: ids and, in a trace pack, stages. Reads no values.</summary>
    internal void RequireFits(GptOssConfig config)
    {
        RequireIdsBelow(config.VocabSize);
        int longest = Prompts.Select(prompt => prompt.Ids.Count + Math.Max(Steps(prompt.Float32), Steps(prompt.Bfloat16))).Append(Ids.Count).Max();
        if (longest > config.MaxPositions)
        {
            throw new CheckpointFormatException(ManifestPath, "pack-manifest",
                $"there are {longest} ids to read; the model's context holds {config.MaxPositions}.");
        }
        foreach (Precision precision in Enum.GetValues<Precision>().Where(precision => Kind == PackKind.Trace && Has(precision)))
        {
            using var file = SafeTensorsFile.Open(PathOf(precision));
            _ = StagesOf(file, precision, config).Count();
        }

        static int Steps(GreedyRecord? record) => Math.Max(0, (record?.Continuation.Count ?? 0) - 1);     // the last token chosen is not read
    }

    /// <summary>Refuses ids that a model does not have.</summary>
    private void RequireIdsBelow(int vocabulary)
    {
        foreach (int id in Ids.Concat(Prompts.SelectMany(prompt => prompt.Ids)))
        {
            if (id >= vocabulary)
                throw new CheckpointFormatException(ManifestPath, "pack-manifest", $"ids hold {id}; the checkpoint has {vocabulary} token ids.");
        }
    }

    /// <summary>The stages of a file, each of the type and shape that such a model gives it.</summary>
    private IEnumerable<(TensorInfo Tensor, StageKey Key)> StagesOf(SafeTensorsFile file, Precision precision, GptOssConfig config)
    {
        foreach (TensorInfo tensor in file.Tensors.Where(tensor => tensor.Name != LastLogits))
        {
            if (!StageKey.TryParse(tensor.Name, config.NumHiddenLayers, out StageKey key))
            {
                throw new CheckpointFormatException(file.Path, "pack-stage",
                    $"'{Printable.Clip(tensor.Name)}' is not a stage of a model of {config.NumHiddenLayers} layers.");
            }
            Require(file, tensor, key.IsExperts ? DType.I32 : TypeOf(precision), [Positions.Count, .. key.RowShape(config)]);
            yield return (tensor, key);
        }
    }

    /// <summary>The file that holds the recording of a precision, whether or not it is there.</summary>
    internal string PathOf(Precision precision)
    {
        string own = Path.Combine(Folder, TraceFile.StagesName);
        if (_manifest.Profile is { } profile)
            return profile == precision ? own : Path.Combine(Folder, $"stages.{precision.ShortName()}.safetensors");
        string stem = Kind switch { PackKind.Defects => "logits", PackKind.Lengths => "last", _ => "stages" };
        return Path.Combine(Folder, $"{stem}.{precision.ShortName()}.safetensors");
    }

    private void RequireKind(PackKind kind)
    {
        if (Kind != kind)
            throw new InvalidOperationException($"{Name} is a pack of kind {Kind}, not {kind}.");
    }

    private static DType TypeOf(Precision precision) => precision == Precision.Bfloat16 ? DType.BF16 : DType.F32;

    private static void Require(SafeTensorsFile file, TensorInfo tensor, DType type, IReadOnlyList<long> shape)
    {
        if (tensor.DType != type || !tensor.Shape.SequenceEqual(shape))
        {
            throw new CheckpointFormatException(file.Path, "pack-stage",
                $"tensor '{Printable.Clip(tensor.Name)}' is {tensor.DType} {Printable.Shape(tensor.Shape)}; " +
                    $"expected {type} {Printable.Shape(shape)}.");
        }
    }

    private static float[] ReadLogits(SafeTensorsFile file, string name, Precision precision, IReadOnlyList<long> shape)
    {
        if (!file.TryGet(name, out TensorInfo tensor))
            throw new CheckpointFormatException(file.Path, "missing-tensor", $"there is no tensor '{Printable.Clip(name)}'.");
        Require(file, tensor, TypeOf(precision), shape);
        float[] values = new float[shape.Aggregate(1L, (a, b) => checked(a * b))];
        Widen(file, name, values);
        return values;
    }

    private static void Widen(SafeTensorsFile file, string name, float[] values)
    {
        file.TryGet(name, out TensorInfo tensor);
        if (tensor.DType == DType.F32)
        {
            file.Floats(name).Span.CopyTo(values);
            return;
        }
        ReadOnlySpan<ushort> bits = file.UInt16s(name).Span;
        for (int i = 0; i < values.Length; i++)
            values[i] = Bfloat16.ToSingle(bits[i]);
    }

    private static void ReadExperts(SafeTensorsFile file, TensorInfo tensor, StageRows rows, GptOssConfig config)
    {
        file.Ints(tensor.Name).Span.CopyTo(rows.ExpertNumbers);
        foreach (int expert in rows.ExpertNumbers)
        {
            if ((uint)expert >= (uint)config.NumExperts)
            {
                throw new CheckpointFormatException(file.Path, "pack-stage",
                    $"tensor '{tensor.Name}' holds expert {expert}; the model has {config.NumExperts}.");
            }
        }
    }
}
