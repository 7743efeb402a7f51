using System.Globalization;
using System.Text.Json;
using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Reference.Oracle.Dumps;

/// <summary>Which tensors of a dump are which stages: by the stages' own names, those of a file, and those of <see cref="StageAliases"/>.</summary>
/// <remarks>
/// The file is JSON: <c>{"block.N.attn.heads": "layers.N.attention_out", "block.N.attn.qkv": ["q.N", "k.N", "v.N"]}</c>, where N stands for the layer
/// and a list for tensors whose rows are joined; a single name may also come first and its stage second.
/// </remarks>
public sealed class StageMap
{
    private const string Rule = "stage-map";
    private const int AnyLayers = int.MaxValue;
    private readonly List<(Stage Stage, Pattern[] Parts)> _entries = [];

    private StageMap(IEnumerable<StageAliases.Alias> first)
    {
        foreach ((Stage stage, string[] names) in first.Concat(StageAliases.All))
            _entries.Add((stage, [.. names.Select(name => new Pattern(name))]));
    }

    /// <summary>The names that are built in.</summary>
    public static StageMap BuiltIn { get; } = new([]);

    /// <summary>Reads a file of names, which go before the built-in ones.</summary>
    /// <exception cref="CheckpointFormatException">It cannot be read, or names no stage.</exception>
    public static StageMap Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        using JsonDocument document = JsonDocuments.Parse(Files.ReadAll(path, JsonDocuments.MaxBytes), path, Rule);
        return new([.. document.RootElement.EnumerateObject().Select(member => Entry(member, path))]);
    }

    /// <summary>The stages of a dump, and the names of tensors that are not stages.</summary>
    internal (Dictionary<StageKey, DumpTensor[]> Stages, List<string> Unknown) Resolve(Dump dump)
    {
        var stages = new Dictionary<StageKey, DumpTensor[]>();
        var found = new SortedDictionary<(int Entry, int Layer), DumpTensor?[]>();
        var unknown = new List<string>();
        foreach (DumpTensor tensor in dump.Tensors)
        {
            if (StageKey.TryParse(tensor.Name, AnyLayers, out StageKey key))
                stages.Add(key, [tensor]);
            else if (Match(tensor.Name) is { } at)
                Part(found, at.Entry, at.Layer)[at.Part] = tensor;
            else if (dump.Tensors.Count == 1 && dump.Unread.All(member => member.Name != "logits"))
                stages.Add(new(Stage.Logits, -1), [tensor]);
            else
                unknown.Add(tensor.Name);
        }
        foreach (((int entry, int layer), DumpTensor?[] parts) in found)
        {
            if (Array.TrueForAll(parts, part => part is not null)
                && stages.TryAdd(new(_entries[entry].Stage, layer), [.. parts.Select(part => part!)]))
            {
                continue;
            }
            unknown.AddRange(parts.OfType<DumpTensor>().Select(part => part.Name));
        }
        return (stages, unknown);
    }

    /// <summary>The stage of a name that another program gave, and which part of it; null for what is not a stage.</summary>
    internal (StageKey Key, int Part, int Parts)? Find(string name) =>
        Match(name) is { } at ? (new(_entries[at.Entry].Stage, at.Layer), at.Part, _entries[at.Entry].Parts.Length) : null;

    /// <summary>As it is; without the number of a first occurrence; and as a module that was named from inside its model.</summary>
    private (int Entry, int Part, int Layer)? Match(string name)
    {
        string plain = name.EndsWith("#1", StringComparison.Ordinal) && !name.StartsWith("Qcur", StringComparison.Ordinal)
            && !name.StartsWith("Kcur", StringComparison.Ordinal) ? name[..^2] : name;
        foreach (string tried in (ReadOnlySpan<string>)[plain, $"model.{plain}"])
        {
            for (int entry = 0; entry < _entries.Count; entry++)
            {
                for (int part = 0; part < _entries[entry].Parts.Length; part++)
                {
                    if (_entries[entry].Parts[part].TryMatch(tried, out int layer))
                        return (entry, part, layer);
                }
            }
        }
        return null;
    }

    private DumpTensor?[] Part(SortedDictionary<(int, int), DumpTensor?[]> found, int entry, int layer)
    {
        if (!found.TryGetValue((entry, layer), out DumpTensor?[]? parts))
            found.Add((entry, layer), parts = new DumpTensor?[_entries[entry].Parts.Length]);
        return parts;
    }

    private static StageAliases.Alias Entry(JsonProperty member, string path)
    {
        string[]? names =
            member.Value.ValueKind == JsonValueKind.Array ? [.. member.Value.EnumerateArray().Select(name => JsonDocuments.Text(name) ?? "")]
            : JsonDocuments.Text(member.Value) is { } one ? [one] : null;
        if (names is null or [] || names.Contains(""))
        {
            throw new CheckpointFormatException(path, Rule,
                $"'{Printable.Clip(member.Name)}' is {JsonDocuments.Shown(member.Value)}; expected a name or a list of names.");
        }
        if (StageOf(member.Name) is { } stage)
            return Checked(stage, member.Name, names);
        return names is [var other] && StageOf(other) is { } second ? Checked(second, other, [member.Name])
            : throw new CheckpointFormatException(path, Rule, $"'{Printable.Clip(member.Name)}' is not a stage; expected names such as " +
                $"block.N.attn.heads or logits.");

        StageAliases.Alias Checked(Stage stage, string own, string[] theirs)
        {
            foreach (string name in theirs)
            {
                if (new Pattern(name).HasLayer != own.StartsWith("block.", StringComparison.Ordinal))
                {
                    throw new CheckpointFormatException(path, Rule,
                        $"'{Printable.Clip(own)}' and '{Printable.Clip(name)}' do not both have an N for the layer.");
                }
            }
            return new(stage, theirs);
        }
    }

    private static Stage? StageOf(string pattern) =>
        StageKey.TryParse(pattern.Replace("block.N.", "block.0.", StringComparison.Ordinal), 1, out StageKey key)
            && (key.Layer < 0 || pattern.Contains(".N.", StringComparison.Ordinal))
            ? key.Stage : null;

    /// <summary>A name in which an N on its own is the layer.</summary>
    private readonly struct Pattern
    {
        private readonly string _before, _after;

        internal Pattern(string name)
        {
            int at = -1;
            for (int i = 0; i < name.Length && at < 0; i++)
            {
                if (name[i] == 'N' && (i == 0 || !char.IsAsciiLetterOrDigit(name[i - 1]))
                    && (i + 1 == name.Length || !char.IsAsciiLetterOrDigit(name[i + 1])))
                {
                    at = i;
                }
            }
            (HasLayer, _before, _after) = (at >= 0, at < 0 ? name : name[..at], at < 0 ? "" : name[(at + 1)..]);
        }

        internal bool HasLayer { get; }

        internal bool TryMatch(string name, out int layer)
        {
            layer = -1;
            if (!HasLayer)
                return name == _before;
            return name.Length > _before.Length + _after.Length && name.StartsWith(_before, StringComparison.Ordinal)
                && name.EndsWith(_after, StringComparison.Ordinal)
                && name.AsSpan(_before.Length, name.Length - _before.Length - _after.Length) is var digits && digits.Length <= 6
                && int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out layer);
        }
    }
}
