using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Traces;

namespace GptOss.Reference.Oracle.Dumps;

/// <summary>Named tensors that any program wrote: logits, or stages of a forward pass. Nothing in it is trusted.</summary>
/// <remarks>
/// <para>
/// A file is safetensors, <c>.npy</c>, <c>.npz</c> or JSON (nested arrays of numbers, or an object of them), recognised by its first bytes. A folder
/// is a golden pack or a trace of <see cref="Tracer"/>, or holds such files, whose tensors are then taken together.
/// </para>
/// <para>Files are mapped and read row by row, so that they may be larger than memory; JSON and compressed arrays are held in memory, within
/// limits.</para>
/// <para>Sources: huggingface/safetensors, <c>README.md</c>; numpy, <c>numpy/lib/format.py</c>; PKWARE, <c>APPNOTE.TXT</c>.</para>
/// </remarks>
public sealed class Dump : IDisposable
{
    private const string LogitsName = "logits", PositionsName = "positions", IdsName = "ids";
    private readonly List<IDisposable> _files;

    private Dump(string path, GoldenPack? pack, Precision? precision, List<DumpTensor> all, List<UnreadMember> unread, List<IDisposable> files)
    {
        (Path, Pack, Precision, Unread, _files) = (path, pack, precision, unread, files);
        if (unread.Find(member => member.Name == PositionsName) is { } positions)
            throw new CheckpointFormatException(path, "dump-positions", $"'{PositionsName}' {positions.Reason}.");
        Tensors = [.. all.Where(tensor => tensor.Name is not (PositionsName or IdsName))];
        Positions = pack is { Positions.Count: > 0 } ? pack.Positions : Numbers(all, PositionsName);
        Ids = pack is { Ids.Count: > 0 } ? pack.Ids : Numbers(all, IdsName);
        for (int i = 1; i < Positions?.Count; i++)
        {
            if (Positions[i] <= Positions[i - 1])
            {
                throw new CheckpointFormatException(path, "dump-positions",
                    $"positions hold {Positions[i]} after {Positions[i - 1]}; expected ascending positions.");
            }
        }
    }

    /// <summary>The file or folder.</summary>
    public string Path { get; }

    /// <summary>The pack whose recording this is; null for files without a manifest.</summary>
    public GoldenPack? Pack { get; }

    /// <summary>Where the values were rounded, as the pack says; null for files without a manifest.</summary>
    public Precision? Precision { get; }

    /// <summary>The tensors, without <see cref="Positions"/> and <see cref="Ids"/>.</summary>
    internal IReadOnlyList<DumpTensor> Tensors { get; }

    /// <summary>Members that cannot be read, and why; the rest can.</summary>
    public IReadOnlyList<UnreadMember> Unread { get; }

    /// <summary>
    /// The position of each row, ascending: from the manifest, or from a tensor called <c>positions</c>; null where the dump says nothing.
    /// </summary>
    public IReadOnlyList<int>? Positions { get; private init; }

    /// <summary>The token ids: from the manifest, or from a tensor called <c>ids</c>; null where the dump says nothing.</summary>
    public IReadOnlyList<int>? Ids { get; private init; }

    /// <summary>Opens a file or folder and checks all of its headers.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="precision">Which recording of a pack that has two; null for float32.</param>
    /// <exception cref="CheckpointFormatException">It cannot be read, or breaks a rule of its format; one sentence.</exception>
    public static Dump Open(string path, Precision? precision = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        var files = new List<IDisposable>();
        var unread = new List<UnreadMember>();
        try
        {
            if (!Directory.Exists(path))
            {
                (GoldenPack? owner, Precision? recorded) = OwnerOf(path);
                return new(path, owner, recorded, DumpFile.Open(path, files, unread), unread, files);
            }
            if (!File.Exists(System.IO.Path.Combine(path, PackManifest.FileName)))
                return new(path, null, null, Folder(path, files, unread), unread, files);
            var pack = GoldenPack.Open(path);
            Precision chosen = precision is { } wanted && pack.Has(wanted) ? wanted : Profiles.All.FirstOrDefault(pack.Has);
            if (pack.Kind == PackKind.Greedy || !pack.Has(chosen))
                throw new CheckpointFormatException(path, "dump-empty", "the pack has a manifest and no recorded tensors.");
            return new(path, pack, chosen, DumpFile.Open(pack.PathOf(chosen), files, unread), unread, files);
        }
        catch
        {
            files.ForEach(file => file.Dispose());
            throw;
        }
    }

    /// <summary>
    /// The same tensors with the position of each row, for a dump that does not state them. This one stays open for as long as the other is read.
    /// </summary>
    internal Dump At(IReadOnlyList<int> positions) => new(Path, Pack, Precision, [.. Tensors], [.. Unread], []) { Positions = positions, Ids = Ids };

    /// <summary>A trace in memory as a dump, which reads its rows where they are.</summary>
    /// <param name="trace">The trace.</param>
    /// <param name="ids">The token ids that were read.</param>
    /// <param name="config">The model's numbers, which give every shape.</param>
    public static Dump Of(Trace trace, IReadOnlyList<int> ids, GptOssConfig config)
    {
        ArgumentNullException.ThrowIfNull(trace);
        ArgumentNullException.ThrowIfNull(ids);
        ArgumentNullException.ThrowIfNull(config);
        return new("trace", null, trace.Precision, [.. trace.Stages.Select(stage => Tensor(stage, config))], [], [])
        {
            Positions = trace.Positions,
            Ids = ids,
        };

        static DumpTensor Tensor(StageRows stage, GptOssConfig config)
        {
            IReadOnlyList<long> shape = [stage.Count, .. stage.Key.RowShape(config)];
            return stage.Key.IsExperts
                ? new("trace", stage.Key.Name, DType.I32, shape,
                    (offset, count) => MemoryMarshal.AsBytes(stage.ExpertNumbers.AsSpan((int)(offset / 4), count / 4)))
                : new("trace", stage.Key.Name, DType.F32, shape,
                    (offset, count) => MemoryMarshal.AsBytes(stage.Values.AsSpan((int)(offset / 4), count / 4)));
        }
    }

    /// <summary>The tensor of a name; false where there is none.</summary>
    internal bool TryGet(string name, [NotNullWhen(true)] out DumpTensor? tensor)
    {
        tensor = Tensors.FirstOrDefault(tensor => tensor.Name == name);
        return tensor is not null;
    }

    /// <summary>
    /// The logits: the tensor called <c>logits</c> or what <see cref="StageMap.BuiltIn"/> knows by another name, or the only one. [positions,
    /// vocabulary]; dimensions of one before the positions are dropped, columns may be rows, and columns beyond the vocabulary are left out.
    /// </summary>
    /// <param name="vocabulary">What a row must have; null to take the last dimension.</param>
    /// <exception cref="CheckpointFormatException">There is no such tensor, or its rows have another length.</exception>
    internal DumpTensor Logits(int? vocabulary = null)
    {
        DumpTensor tensor = TryGet(LogitsName, out DumpTensor? named) ? named
            : Unread.FirstOrDefault(member => member.Name == LogitsName) is { } unread
                ? throw new CheckpointFormatException(Path, "dump-logits", $"'{LogitsName}' {unread.Reason}.")
            : Tensors is [var only] ? only
            : Tensors.FirstOrDefault(other => StageMap.BuiltIn.Find(other.Name) is { Key.Stage: Stage.Logits }) is { } known ? known
            : throw new CheckpointFormatException(Path, "dump-logits", Tensors.Count == 0 ? "there are no tensors."
                : $"none of its {Tensors.Count} tensors is called " +
                    $"logits: {Printable.List([.. Tensors.Select(t => $"'{Printable.Clip(t.Name)}'")], ", ", 4)}.");
        if (tensor.Rows == 0)
            throw new CheckpointFormatException(Path, "dump-logits", $"tensor '{Printable.Clip(tensor.Name)}' is empty.");
        IReadOnlyList<long> row = vocabulary is { } wanted ? [wanted] : tensor.Shape is [.., var last] ? [last] : [];
        return TensorLayout.Find(tensor, row, mayBePadded: true) ?? tensor.WithRowsOf(row);
    }

    /// <summary>Closes the files; tensors cannot be read from here on.</summary>
    public void Dispose() => _files.ForEach(file => file.Dispose());

    /// <summary>The pack that a recording inside its folder belongs to.</summary>
    private static (GoldenPack? Pack, Precision? Precision) OwnerOf(string path)
    {
        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path)) ?? path;
        if (System.IO.Path.GetFileName(path) is not ("stages.safetensors" or "stages.f32.safetensors" or "stages.bf16.safetensors"
            or "logits.f32.safetensors")
            || !File.Exists(System.IO.Path.Combine(folder, PackManifest.FileName)))
        {
            return default;
        }
        var pack = GoldenPack.Open(folder);
        foreach (Precision precision in Enum.GetValues<Precision>())
        {
            if (System.IO.Path.GetFileName(pack.PathOf(precision)) == System.IO.Path.GetFileName(path))
                return (pack, precision);
        }
        return default;
    }

    private static List<DumpTensor> Folder(string path, List<IDisposable> files, List<UnreadMember> unread)
    {
        var tensors = new List<DumpTensor>();
        CheckpointFormatException? first = null;
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (string file in Listed(path))
        {
            foreach (DumpTensor tensor in Open(file))
            {
                if (!names.Add(tensor.Name))
                {
                    throw new CheckpointFormatException(file, "dump-duplicate",
                        $"another file of its folder has a tensor '{Printable.Clip(tensor.Name)}', too.");
                }
                tensors.Add(tensor);
            }
        }
        return tensors.Count > 0 ? tensors
            : throw first
                ?? new CheckpointFormatException(path, "dump-empty", "the folder has no manifest.json and no .safetensors, .npy or .npz file.");

        List<DumpTensor> Open(string file)
        {
            int before = unread.Count;
            try
            {
                return DumpFile.Open(file, files, unread);
            }
            catch (CheckpointFormatException e)
            {
                first ??= e;
                if (unread.Count == before)
                {
                    unread.Add(new(System.IO.Path.GetFileName(file),
                        $"cannot be read: {e.Message[(e.Message.IndexOf(": ", StringComparison.Ordinal) + 2)..^1]}"));
                }
                return [];
            }
        }
    }

    private static string[] Listed(string folder)
    {
        try
        {
            return
            [
                .. Directory.EnumerateFiles(folder).Where(file => System.IO.Path.GetExtension(file) is ".safetensors" or ".npy" or ".npz")
                    .Order(StringComparer.Ordinal),
            ];
        }
        catch (Exception e) when (Files.IsReadFailure(e))
        {
            throw Files.Unreadable(folder, e);
        }
    }

    private int[]? Numbers(List<DumpTensor> all, string name)
    {
        if (all.Find(tensor => tensor.Name == name) is not { } tensor || all.Count == 1)
            return null;
        if (tensor.Rows == 0)
            throw new CheckpointFormatException(Path, "dump-positions", $"tensor '{name}' is empty.");
        DumpTensor row = tensor.WithRowsOf(tensor.Shape);
        if (row.Width > 1 << 24)
        {
            throw new CheckpointFormatException(Path, "dump-positions",
                $"tensor '{name}' is {Printable.Shape(tensor.Shape)}; that is more than any context holds.");
        }
        int[] numbers = new int[row.Width];
        row.ReadIntegers(0, numbers);
        return Array.TrueForAll(numbers, number => number >= 0) ? numbers
            : throw new CheckpointFormatException(Path, "dump-positions", $"tensor '{name}' holds a negative number.");
    }
}
