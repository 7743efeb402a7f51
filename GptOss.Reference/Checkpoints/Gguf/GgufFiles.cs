using System.Globalization;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Gguf;

/// <summary>A model's GGUF files, of which there are several where it was split, and which of them holds each tensor.</summary>
/// <remarks>
/// The first file has the metadata; the others have the three split keys only. Names are built from the first one's name and never read from a file.
/// Source: llama.cpp, <c>tools/gguf-split/gguf-split.cpp</c> and <c>src/llama-model-loader.cpp</c>.
/// </remarks>
internal sealed class GgufFiles : IDisposable
{
    private const int MostFiles = 65_535;
    private readonly List<GgufFile> _files = [];
    private readonly Dictionary<string, GgufTensor> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, GgufFile> _fileOf = new(StringComparer.Ordinal);

    private GgufFiles() { }

    /// <summary>The files, in order.</summary>
    internal IReadOnlyList<GgufFile> Files => _files;

    /// <summary>Every tensor by its name.</summary>
    internal IReadOnlyDictionary<string, GgufTensor> Tensors => _tensors;

    internal GgufMetadata Metadata => _files[0].Metadata;

    internal GgufFile FileOf(string name) => _fileOf[name];

    /// <summary>Opens the file at <paramref name="path"/> and those that belong to it.</summary>
    /// <exception cref="CheckpointFormatException">One breaks a rule, is missing, or contradicts the others.</exception>
    internal static GgufFiles Open(string path)
    {
        var files = new GgufFiles();
        try
        {
            var first = GgufFile.Open(path);
            files._files.Add(first);
            files.Add(first);
            GgufMetadata metadata = first.Metadata;
            int count = metadata.Integer("split.count", 0, MostFiles) ?? 1;
            if (count <= 1)
                return files;
            RequireNumber(first, 0, count);
            bool isOllama = GgufConfig.ArchitectureOf(metadata) == GgufConfig.OllamaArchitecture;
            if (!path.EndsWith(Ending(1, count), StringComparison.Ordinal))
                throw Broken(path, $"the name of the first file of a split model must end in {Ending(1, count)}.");
            string start = path[..^Ending(1, count).Length];
            string[] missing = [.. Enumerable.Range(2, count - 1).Select(number => start + Ending(number, count)).Where(part => !File.Exists(part))
                .Select(part => Path.GetFileName(part)!)];
            if (missing.Length > 0)
                throw Broken(path, $"{missing.Length} of {count} files are missing: {Printable.List(missing, ", ")}.");
            for (int number = 2; number <= count; number++)
            {
                var part = GgufFile.Open(start + Ending(number, count), isOllama);
                files._files.Add(part);
                RequireNumber(part, number - 1, count);
                files.Add(part);
            }
            if (metadata.Integer("split.tensors.count", 0, int.MaxValue) is var stated && stated != files._tensors.Count)
            {
                throw Broken(path, $"split.tensors.count is {stated?.ToString(CultureInfo.InvariantCulture) ?? "missing"}; the files " +
                    $"have {files._tensors.Count} tensors.");
            }
            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (GgufFile file in _files)
            file.Dispose();
    }

    private static void RequireNumber(GgufFile file, int number, int count)
    {
        int? no = file.Metadata.Integer("split.no", 0, MostFiles), of = file.Metadata.Integer("split.count", 0, MostFiles);
        if (no is null || of is null)
            throw Broken(file.Path, "the keys split.no and split.count are missing; they are in every file of a split model.");
        if (of != count)
            throw Broken(file.Path, $"split.count is {of}; the first file has {count}.");
        if (no != number)
        {
            throw Broken(file.Path, number == 0
                ? $"split.no is {no}, so this is not the first file; open the one whose name has 00001."
                : $"split.no is {no}; expected {number}.");
        }
    }

    private void Add(GgufFile file)
    {
        foreach (GgufTensor tensor in file.Tensors)
        {
            if (!_tensors.TryAdd(tensor.Name, tensor))
            {
                throw Broken(file.Path,
                    $"tensor '{Printable.Clip(tensor.Name)}' is there twice, also in {Printable.Clip(Path.GetFileName(_fileOf[tensor.Name].Path))}.");
            }
            _fileOf.Add(tensor.Name, file);
        }
    }

    private static string Ending(int number, int count) => $"-{number:D5}-of-{count:D5}.gguf";

    private static CheckpointFormatException Broken(string path, string sentence) => new(path, "gguf-split", sentence);
}
