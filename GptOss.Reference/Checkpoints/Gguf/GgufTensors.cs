using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Gguf;

/// <summary>
/// The inventory of a gpt-oss GGUF file, in the dialects that llama.cpp and Ollama have written: the one place where their names meet those of the
/// original layout.
/// </summary>
/// <remarks>
/// Each form is recognised by its names, independently of the others and of the architecture. No form permutes or scales anything: a row of the
/// original layout is a row of the file. Sources: llama.cpp, <c>conversion/gpt_oss.py</c>; the history of Ollama's <c>convert/convert_gptoss.go</c>.
/// </remarks>
internal static class GgufTensors
{
    private const int Shown = 20;

    /// <summary>A tensor of one form.</summary>
    /// <param name="Name">Its name, without <c>blk.N.</c></param>
    /// <param name="Original">What it is, or is a part of, in the original layout.</param>
    /// <param name="IsMatrix">Whether it may have a block type.</param>
    /// <param name="Dimensions">Innermost first.</param>
    private sealed record Piece(string Name, string Original, bool IsMatrix, Func<GptOssConfig, long[]> Dimensions);

    /// <summary>A tensor of a layer in each of its forms; messages name the first where it is missing.</summary>
    private sealed record Thing(params Piece[][] Forms);

    private static readonly Thing[] Global =
    [
        new([Matrix("token_embd.weight", TensorNames.Embedding, c => [c.HiddenSize, c.VocabSize])]),
        new([Vector("output_norm.weight", TensorNames.FinalNorm, c => [c.HiddenSize])]),
        new([Matrix("output.weight", TensorNames.Unembedding, c => [c.HiddenSize, c.VocabSize])]),
    ];

    private static readonly Thing[] InLayer =
    [
        new([Vector("attn_norm.weight", "attn.norm.scale", c => [c.HiddenSize])]),
        new(
            [
                .. Both("attn_q", "attn.qkv", c => c.HiddenSize, c => c.QuerySize),
                .. Both("attn_k", "attn.qkv", c => c.HiddenSize, c => c.KeyValueSize),
                .. Both("attn_v", "attn.qkv", c => c.HiddenSize, c => c.KeyValueSize),
            ],
            Both("attn_qkv", "attn.qkv", c => c.HiddenSize, c => c.QuerySize + 2L * c.KeyValueSize)),
        new([Vector("attn_sinks.weight", "attn.sinks", c => [c.NumAttentionHeads])],
            [Vector("attn_sinks", "attn.sinks", c => [c.NumAttentionHeads])]),
        new(Both("attn_output", "attn.out", c => c.QuerySize, c => c.HiddenSize), Both("attn_out", "attn.out", c => c.QuerySize, c => c.HiddenSize)),
        new([Vector("post_attention_norm.weight", "mlp.norm.scale", c => [c.HiddenSize])],
            [Vector("ffn_norm.weight", "mlp.norm.scale", c => [c.HiddenSize])]),
        new(Both("ffn_gate_inp", "mlp.gate", c => c.HiddenSize, c => c.NumExperts)),
        new(
            [.. Experts("ffn_gate_exps", "mlp.mlp1", c => c.IntermediateSize), .. Experts("ffn_up_exps", "mlp.mlp1", c => c.IntermediateSize)],
            Experts("ffn_gate_up_exps", "mlp.mlp1", c => 2L * c.IntermediateSize)),
        new(
        [
            Matrix("ffn_down_exps.weight", "mlp.mlp2_weight", c => [c.IntermediateSize, c.HiddenSize, c.NumExperts]),
            Vector("ffn_down_exps.bias", "mlp.mlp2_bias", c => [c.HiddenSize, c.NumExperts]),
        ]),
    ];

    /// <summary>Finds the tensors of every name of the original layout (experts' weights without an ending), and refuses what does not fit.</summary>
    /// <param name="file">For messages.</param>
    /// <param name="config">What to expect.</param>
    /// <param name="stored">What is there, by name.</param>
    /// <exception cref="CheckpointFormatException">inventory: everything that is missing, too much, or of another shape.</exception>
    internal static Dictionary<string, string[]> Find(string file, GptOssConfig config, IReadOnlyDictionary<string, GgufTensor> stored)
    {
        var parts = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        var found = new HashSet<string>(StringComparer.Ordinal);
        var problems = new List<string>(Shown);
        long count = 0;
        foreach (Thing thing in Global)
            Take(thing, "", "");
        for (int layer = 0; layer < config.NumHiddenLayers; layer++)
        {
            foreach (Thing thing in InLayer)
                Take(thing, $"blk.{layer}.", $"block.{layer}.");
        }
        foreach (string name in stored.Keys)
        {
            if (!found.Contains(name))
                Add($"'{Printable.Clip(name)}' is not part of a gpt-oss model of this configuration");
        }
        if (count > 0)
        {
            throw new CheckpointFormatException(file, "inventory",
                $"{count} {(count == 1 ? "tensor does" : "tensors do")} not fit the " +
                    $"metadata: {string.Join("; ", problems)}{(count > Shown ? $"; and {count - Shown} more" : "")}.");
        }
        return parts.ToDictionary(part => part.Key, part => part.Value.ToArray(), StringComparer.Ordinal);

        void Take(Thing thing, string prefix, string originalPrefix)
        {
            Piece[][] present = [.. thing.Forms.Where(form => form.Any(piece => stored.ContainsKey(prefix + piece.Name)))];
            if (present.Length > 1)
            {
                Piece[] there = [.. present.Select(form => form.First(piece => stored.ContainsKey(prefix + piece.Name)))];
                throw new CheckpointFormatException(file, "inventory",
                    $"'{prefix}{there[0].Name}' and '{prefix}{there[1].Name}' are two forms of one thing; expected one.");
            }
            foreach (Piece piece in present is [var form] ? form : thing.Forms[0])
                TakePiece(piece, prefix + piece.Name, originalPrefix + piece.Original);
        }

        void TakePiece(Piece piece, string name, string original)
        {
            if (!stored.TryGetValue(name, out GgufTensor? tensor))
            {
                Add($"'{name}' is missing");
                return;
            }
            found.Add(name);
            long[] expected = GgufTensor.Trimmed(piece.Dimensions(config));
            if (!tensor.Dimensions.SequenceEqual(expected))
                Add($"'{name}' has the shape {Printable.Shape(tensor.Dimensions)}, expected {Printable.Shape(expected)}");
            if (!piece.IsMatrix && tensor.Type.BlockWeights > 1)
                Add($"'{name}' is of type {tensor.Type.Name}, expected F32, F16 or BF16");
            if (!parts.TryGetValue(original, out List<string>? names))
                parts.Add(original, names = []);
            names.Add(name);
        }

        void Add(string problem)
        {
            count++;
            if (problems.Count < Shown)
                problems.Add(problem);
        }
    }

    /// <summary>Every tensor of a file in llama.cpp's names.</summary>
    /// <returns>Its name, what it is or is a part of in the original layout, whether it may have a block type, and its dimensions, innermost
    /// first.</returns>
    internal static IEnumerable<(string Name, string Original, bool IsMatrix, long[] Dimensions)> Inventory(GptOssConfig config) =>
        from prefix in Enumerable.Range(0, config.NumHiddenLayers).Select(layer => (Stored: $"blk.{layer}.", Original: $"block.{layer}."))
            .Prepend((Stored: "", Original: ""))
        from thing in prefix.Stored.Length == 0 ? Global : InLayer
        from piece in thing.Forms[0]
        select (prefix.Stored + piece.Name, prefix.Original + piece.Original, piece.IsMatrix, piece.Dimensions(config));

    private static Piece Matrix(string name, string original, Func<GptOssConfig, long[]> dimensions) => new(name, original, true, dimensions);

    private static Piece Vector(string name, string original, Func<GptOssConfig, long[]> dimensions) => new(name, original, false, dimensions);

    private static Piece[] Both(string name, string original, Func<GptOssConfig, long> columns, Func<GptOssConfig, long> rows) =>
        [Matrix(name + ".weight", original + ".weight", c => [columns(c), rows(c)]), Vector(name + ".bias", original + ".bias", c => [rows(c)])];

    private static Piece[] Experts(string name, string original, Func<GptOssConfig, long> rows) =>
    [
        Matrix(name + ".weight", original + "_weight", c => [c.HiddenSize, rows(c), c.NumExperts]),
        Vector(name + ".bias", original + "_bias", c => [rows(c), c.NumExperts]),
    ];
}
