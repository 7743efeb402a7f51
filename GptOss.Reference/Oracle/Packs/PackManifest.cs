using System.Text.Json;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Reference.Oracle.Packs;

/// <summary>
/// The manifest of a pack, checked: lists are bounded by the file's own length, ids are not negative, positions ascend within the ids.
/// </summary>
internal sealed record PackManifest
{
    internal const string FileName = "manifest.json";

    /// <summary>The format that is written and read. Packs of the published reference were recorded before there was a number.</summary>
    internal const int Format = 1;
    private const string Rule = "pack-manifest";

    internal required PackKind Kind { get; init; }
    internal IReadOnlyList<int> Ids { get; private init; } = [];
    internal IReadOnlyList<int> Positions { get; private init; } = [];
    internal IReadOnlyList<int> Lengths { get; private init; } = [];
    internal IReadOnlyList<string> Defects { get; private init; } = [];
    internal IReadOnlyList<GreedyPrompt> Prompts { get; private init; } = [];
    internal IReadOnlyList<int> Stop { get; private init; } = [];
    internal string? ConfigJson { get; private init; }
    internal ulong? Seed { get; private init; }
    internal string? Checkpoint { get; private init; }
    internal IReadOnlyList<FileChecksum> CheckpointFiles { get; private init; } = [];
    internal IReadOnlyList<FileChecksum> Files { get; private init; } = [];
    internal Precision? Profile { get; private init; }
    internal string? LogitsHash { get; private init; }
    internal Budgets Budgets { get; private init; } = Budgets.Published;

    internal static PackManifest Read(string path)
    {
        using JsonDocument document = JsonDocuments.Parse(Ground.Files.ReadAll(path, JsonDocuments.MaxBytes), path, Rule);
        var reader = new Reader(document.RootElement, path);
        reader.RequireFormat();
        PackManifest manifest = reader.CheckpointOf(new PackManifest { Kind = reader.Kind() }) with
        {
            Files = reader.Files("files"),
            Profile = reader.Profile(),
            LogitsHash = reader.Hash(),
            Budgets = reader.Budgets(),
        };
        switch (manifest.Kind)
        {
            case PackKind.Greedy:
                return manifest with { Stop = reader.Integers("stop", allowEmpty: true), Prompts = reader.Prompts() };
            case PackKind.Lengths:
                int[] all = reader.Integers("ids");
                return manifest with { Ids = all, Lengths = reader.Ascending("lengths", 1, all.Length) };
            default:
                int[] ids = reader.Integers("ids");
                return manifest with
                {
                    Ids = ids,
                    Positions = reader.Ascending("positions", 0, ids.Length - 1),
                    Defects = manifest.Kind == PackKind.Defects ? reader.Strings("defects") : [],
                };
        }
    }

    private readonly struct Reader(JsonElement root, string path)
    {
        internal PackKind Kind() => Required(root, "kind") is { ValueKind: JsonValueKind.String } kind
            ? JsonDocuments.Text(kind) switch
            {
                "trace" => PackKind.Trace,
                "defects" => PackKind.Defects,
                "lengths" => PackKind.Lengths,
                "greedy" => PackKind.Greedy,
                _ => throw Bad($"kind is {JsonDocuments.Shown(kind)}; expected 'trace', 'defects', 'lengths' or 'greedy'."),
            }
            : throw Bad($"kind is {JsonDocuments.Shown(root.GetProperty("kind"))}; expected 'trace', 'defects', 'lengths' or 'greedy'.");

        internal void RequireFormat()
        {
            if (root.TryGetProperty("format", out JsonElement format)
                && !(format.ValueKind == JsonValueKind.Number && format.TryGetInt32(out int number) && number == Format))
            {
                throw Bad($"format is {JsonDocuments.Shown(format)}; this program reads format {Format}.");
            }
        }

        /// <summary>Either a seed with a configuration, or a checkpoint by its files or by its name, with or without one.</summary>
        internal PackManifest CheckpointOf(PackManifest manifest)
        {
            string? config = null;
            if (root.TryGetProperty("config", out JsonElement element))
            {
                if (element.ValueKind != JsonValueKind.Object)
                    throw Bad($"config is {JsonDocuments.Shown(element)}; expected an object.");
                config = element.GetRawText();
                _ = ConfigReader.Parse(config, path);
            }
            if (root.TryGetProperty("seed", out JsonElement seed))
            {
                if (root.TryGetProperty("checkpoint", out _))
                    throw Bad("seed and checkpoint are both given; the weights are either synthetic or in files.");
                if (seed.ValueKind != JsonValueKind.Number || !seed.TryGetUInt64(out ulong number))
                    throw Bad($"seed is {JsonDocuments.Shown(seed)}; expected an integer from 0.");
                return config is not null ? manifest with { ConfigJson = config, Seed = number }
                    : throw Bad("seed is given without config; a synthetic checkpoint needs both.");
            }
            if (!root.TryGetProperty("checkpoint", out JsonElement checkpoint))
                throw Bad("neither seed nor checkpoint is given; the pack does not say which weights it ran.");
            manifest = manifest with { ConfigJson = config };
            if (checkpoint.ValueKind != JsonValueKind.Array)
                return manifest with { Checkpoint = Name("checkpoint", checkpoint) };
            return manifest with
            {
                Checkpoint = root.TryGetProperty("model", out JsonElement model) ? Name("model", model) : null,
                CheckpointFiles = Files("checkpoint", allowEmpty: false),
            };
        }

        /// <summary>A list of files in one folder; a name leads to no other.</summary>
        internal FileChecksum[] Files(string key, bool allowEmpty = true)
        {
            if (allowEmpty && !root.TryGetProperty(key, out _))
                return [];
            var files = new List<FileChecksum>();
            var names = new HashSet<string>(StringComparer.Ordinal);
            foreach (JsonElement item in List(root, key, key, allowEmpty).EnumerateArray())
            {
                string at = $"{key}[{files.Count}]";
                if (item.ValueKind != JsonValueKind.Object)
                    throw Bad($"{at} is {JsonDocuments.Shown(item)}; expected an object of file, bytes and sha256.");
                JsonElement file = Required(item, "file", $"{at}.file"), bytes = Required(item, "bytes", $"{at}.bytes"),
                    hash = Required(item, "sha256", $"{at}.sha256");
                if (JsonDocuments.Text(file) is not { Length: > 0 } name || name is "." or ".." || name.AsSpan().IndexOfAny("/\\:\0") >= 0)
                    throw Bad($"{at}.file is {JsonDocuments.Shown(file)}; expected the name of a file, without a folder.");
                if (!names.Add(name))
                    throw Bad($"{at}.file is {JsonDocuments.Shown(file)}, which is listed already.");
                if (bytes.ValueKind != JsonValueKind.Number || !bytes.TryGetInt64(out long length) || length < 0)
                    throw Bad($"{at}.bytes is {JsonDocuments.Shown(bytes)}; expected a length in bytes.");
                if (JsonDocuments.Text(hash) is not { } sha256 || !ExpectedHashes.IsHash(sha256))
                    throw Bad($"{at}.sha256 is {JsonDocuments.Shown(hash)}; expected 64 lower-case hexadecimal digits.");
                files.Add(new(name, length, sha256));
            }
            return [.. files];
        }

        private string Name(string key, JsonElement name) => JsonDocuments.Text(name) is { Length: > 0 } text ? text
            : throw Bad($"{key} is {JsonDocuments.Shown(name)}; expected a name{(key == "checkpoint" ? " or a list of files" : "")}.");

        internal Precision? Profile()
        {
            if (!root.TryGetProperty("profile", out JsonElement profile))
                return null;
            string[] names = [.. Profiles.All.Select(p => p.Name())];
            return Profiles.Find(JsonDocuments.Text(profile)) ?? throw Bad(
                $"profile is {JsonDocuments.Shown(profile)}; expected '{string.Join("', '", names[..^1])}' or '{names[^1]}'.");
        }

        internal string? Hash()
        {
            if (!root.TryGetProperty("logits_hash", out JsonElement hash))
                return null;
            return JsonDocuments.Text(hash) is { } text && ExpectedHashes.IsHash(text) ? text
                : throw Bad($"logits_hash is {JsonDocuments.Shown(hash)}; expected 64 lower-case hexadecimal digits.");
        }

        internal Budgets Budgets() =>
            root.TryGetProperty("budgets", out JsonElement budgets) ? BudgetsJson.OfManifest(budgets, path) : Oracle.Stages.Budgets.Published;

        internal int[] Integers(string key, bool allowEmpty = false) => Integers(root, key, key, allowEmpty);

        internal int[] Ascending(string key, int least, int most)
        {
            int[] values = Integers(root, key, key, allowEmpty: false);
            for (int i = 0; i < values.Length; i++)
            {
                if (values[i] < least || values[i] > most || i > 0 && values[i] <= values[i - 1])
                    throw Bad($"{key}[{i}] is {values[i]}; expected ascending numbers from {least} to {most}.");
            }
            return values;
        }

        internal string[] Strings(string key)
        {
            Reader self = this;
            return [.. List(root, key, key, allowEmpty: true).EnumerateArray().Select((item, i) =>
                JsonDocuments.Text(item) ?? throw self.Bad($"{key}[{i}] is {JsonDocuments.Shown(item)}; expected a string."))];
        }

        internal List<GreedyPrompt> Prompts()
        {
            var prompts = new List<GreedyPrompt>();
            foreach (JsonElement item in List(root, "prompts", "prompts", allowEmpty: false).EnumerateArray())
            {
                string at = $"prompts[{prompts.Count}]";
                if (item.ValueKind != JsonValueKind.Object)
                    throw Bad($"{at} is {JsonDocuments.Shown(item)}; expected an object.");
                string text = item.TryGetProperty("text", out JsonElement said) ? JsonDocuments.Text(said) ?? "" : "";
                GreedyRecord? full = Greedy(item, "f32", at), half = Greedy(item, "bf16", at);
                if (full is null && half is null)
                    throw Bad($"{at} has neither f32 nor bf16; nothing of it is recorded.");
                prompts.Add(new(text, Integers(item, "ids", $"{at}.ids", allowEmpty: false), full, half));
            }
            return prompts;
        }

        private GreedyRecord? Greedy(JsonElement prompt, string key, string at)
        {
            if (!prompt.TryGetProperty(key, out JsonElement record))
                return null;
            at = $"{at}.{key}";
            if (record.ValueKind != JsonValueKind.Object)
                throw Bad($"{at} is {JsonDocuments.Shown(record)}; expected an object.");
            int[] continuation = Integers(record, "continuation", $"{at}.continuation", allowEmpty: false);
            var margins = new List<double>();
            foreach (JsonElement margin in List(record, "margins", $"{at}.margins", allowEmpty: false).EnumerateArray())
            {
                if (margin.ValueKind != JsonValueKind.Number || !margin.TryGetDouble(out double number) || !double.IsFinite(number) || number < 0)
                    throw Bad($"{at}.margins[{margins.Count}] is {JsonDocuments.Shown(margin)}; expected a number from 0.");
                margins.Add(number);
            }
            return margins.Count == continuation.Length ? new(continuation, margins)
                : throw Bad($"{at} has {continuation.Length} tokens and {margins.Count} margins; expected one for each.");
        }

        private int[] Integers(JsonElement owner, string key, string shown, bool allowEmpty)
        {
            JsonElement list = List(owner, key, shown, allowEmpty);
            int[] values = new int[list.GetArrayLength()];
            int i = 0;
            foreach (JsonElement item in list.EnumerateArray())
            {
                if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out int value) || value < 0)
                    throw Bad($"{shown}[{i}] is {JsonDocuments.Shown(item)}; expected an integer from 0 to {int.MaxValue}.");
                values[i++] = value;
            }
            return values;
        }

        private JsonElement List(JsonElement owner, string key, string shown, bool allowEmpty)
        {
            JsonElement list = Required(owner, key, shown);
            if (list.ValueKind != JsonValueKind.Array)
                throw Bad($"{shown} is {JsonDocuments.Shown(list)}; expected a list.");
            return allowEmpty || list.GetArrayLength() > 0 ? list : throw Bad($"{shown} is empty.");
        }

        private JsonElement Required(JsonElement owner, string key, string? shown = null) =>
            owner.TryGetProperty(key, out JsonElement value) ? value : throw Bad($"{shown ?? key} is missing.");

        private CheckpointFormatException Bad(string sentence) => new(path, Rule, sentence);
    }
}
