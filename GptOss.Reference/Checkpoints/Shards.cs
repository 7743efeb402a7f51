using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints;

/// <summary>The open files of one checkpoint, and which of them holds each tensor.</summary>
internal sealed class Shards : IDisposable
{
    private readonly List<SafeTensorsFile> _files = [];
    private readonly Dictionary<string, StoredTensor> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SafeTensorsFile> _fileOf = new(StringComparer.Ordinal);

    private Shards() { }

    internal IReadOnlyList<SafeTensorsFile> Files => _files;

    /// <summary>Every tensor of every file, by its stored name.</summary>
    internal IReadOnlyDictionary<string, StoredTensor> Tensors => _tensors;

    internal SafeTensorsFile FileOf(string storedName) => _fileOf[storedName];

    /// <summary>Opens every file of the folder; none stays open where one fails.</summary>
    /// <exception cref="CheckpointFormatException">A file is missing or broken, two hold the same tensor, or they contradict the index.</exception>
    internal static Shards Open(CheckpointFolder folder, List<string> notices)
    {
        var shards = new Shards();
        try
        {
            if (folder.IndexPath is null)
            {
                foreach (string path in folder.FilePaths)
                    shards.Add(path);
            }
            else
            {
                shards.AddIndexed(folder, ShardIndex.Read(folder.IndexPath), notices);
            }
            return shards;
        }
        catch
        {
            shards.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (SafeTensorsFile file in _files)
            file.Dispose();
    }

    private void AddIndexed(CheckpointFolder folder, ShardIndex index, List<string> notices)
    {
        string[] missing = [.. index.FileNames.Where(name => !File.Exists(Path.Combine(folder.FolderPath, name)))];
        if (missing.Length > 0)
            throw new CheckpointFormatException(index.Path, "missing-shard",
                $"{missing.Length} of {index.FileNames.Count} files named by weight_map {(missing.Length == 1 ? "is" : "are")} missing: {Printable.List(missing, ", ")}.");
        foreach (string name in index.FileNames)
            Add(Path.Combine(folder.FolderPath, name), index);
        string[] absent = [.. index.FileOf.Keys.Where(name => !_tensors.ContainsKey(name))];
        if (absent.Length > 0)
            throw new CheckpointFormatException(index.Path, "weight-map",
                $"{absent.Length} {(absent.Length == 1 ? "tensor is" : "tensors are")} not in the file that weight_map names: "
                + $"{Printable.List([.. absent.Take(20).Select(name => $"'{Printable.Clip(name)}' in {index.FileOf[name]}"), .. absent.Skip(20)], "; ")}.");
        long bytes = _tensors.Values.Sum(tensor => tensor.Info.ByteCount);
        if (index.TotalSize is { } stated && stated != bytes)
            notices.Add(string.Create(System.Globalization.CultureInfo.InvariantCulture,
                $"{ShardIndex.FileName} states a total_size of {stated} bytes; the tensors have {bytes}."));
    }

    private void Add(string path, ShardIndex? index = null)
    {
        SafeTensorsFile file = SafeTensorsFile.Open(path);
        _files.Add(file);
        string name = Path.GetFileName(path);
        foreach (TensorInfo tensor in file.Tensors)
        {
            if (index is not null && index.FileOf.TryGetValue(tensor.Name, out string? assigned) && assigned != name)
                throw new CheckpointFormatException(path, "weight-map",
                    $"tensor '{Printable.Clip(tensor.Name)}' is in this file, but weight_map says it is in {assigned}.");
            if (!_tensors.TryAdd(tensor.Name, new StoredTensor(path, tensor, tensor.DType.ToString())))
                throw new CheckpointFormatException(path, "duplicate-tensor",
                    $"tensor '{Printable.Clip(tensor.Name)}' is also in {Printable.Clip(Path.GetFileName(_tensors[tensor.Name].File))}.");
            _fileOf.Add(tensor.Name, file);
        }
    }
}
