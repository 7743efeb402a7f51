using System.Text.Unicode;
using GptOss.Reference.Ground;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Checkpoints.Gguf;

/// <summary>The tokenizer that a GGUF file carries in its metadata.</summary>
/// <remarks>
/// Types: 1 text, all others special or unused. llama.cpp matches four special names in any text; here, as everywhere, content is ordinary text.
/// Chat templates and scores are not read. Source: llama.cpp, <c>src/llama-vocab.cpp</c>; Ollama, <c>convert/tokenizer.go</c>.
/// </remarks>
internal static class GgufVocabulary
{
    private const string Prefix = "tokenizer.ggml.", Tokens = Prefix + "tokens", Types = Prefix + "token_type";

    private static readonly string[] IdKeys = ["bos_token_id", "eos_token_id", "padding_token_id"];

    /// <summary>Reads the tokenizer of a model with <paramref name="rows"/> vocabulary rows.</summary>
    /// <exception cref="CheckpointFormatException">gguf-vocabulary or gguf-metadata: it is not one of gpt-oss.</exception>
    internal static Tokenizer Read(GgufMetadata metadata, int rows)
    {
        if (metadata.Text(Prefix + "model") is var model && model != "gpt2")
            throw Bad($"{Prefix}model is {Shown(model)}; expected 'gpt2'");
        // Ollama's converter did not know the pattern and wrote "default", or nothing.
        if (metadata.Text(Prefix + "pre") is { } pre && pre is not ("gpt-4o" or "default"))
            throw Bad($"{Prefix}pre is {Shown(pre)}; expected 'gpt-4o'");
        if (metadata.Strings(Tokens) is var count && count != rows)
        {
            throw Bad(count is null
                ? $"the key {Tokens} is missing"
                : $"{Tokens} has {count} tokens, and 'token_embd.weight' has {rows} vocabulary rows");
        }
        long[] types = metadata.Integers(Types) ?? throw Bad($"the key {Types} is missing");
        if (types.Length != rows)
            throw Bad($"{Types} has {types.Length} entries for {rows} tokens");
        if (Array.FindIndex(types, type => type is < 1 or > 6) is >= 0 and var wrong)
            throw Bad($"{Types} of token {wrong} is {types[wrong]}; types go from 1 to 6");
        foreach (string key in IdKeys)
            metadata.Integer(Prefix + key, 0, rows - 1);
        try
        {
            var list = new ListedVocabulary(Tokens);
            metadata.ForEachString(Tokens, (id, utf8) =>
            {
                if (!Utf8.IsValid(utf8))
                    throw Bad($"token {id} of {Tokens} is not valid UTF-8");
                list.Add(utf8, isText: types[id] == 1);
            });
            return Tokenizer.FromList(list);
        }
        catch (TokenizerFormatException e)
        {
            throw new CheckpointFormatException(metadata.Path, "gguf-vocabulary", e.Message, e);
        }

        CheckpointFormatException Bad(string what) => new(metadata.Path, "gguf-vocabulary", what + ".");
    }

    /// <summary>The ids that the file says end a turn.</summary>
    internal static IReadOnlyList<int> EndIds(GgufMetadata metadata, int rows)
    {
        var ids = new List<int>();
        if (metadata.Integer(Prefix + "eos_token_id", 0, rows - 1) is { } one)
            ids.Add(one);
        foreach (long id in metadata.Integers(Prefix + "eos_token_ids") ?? [])
        {
            if (id < 0 || id >= rows)
            {
                throw new CheckpointFormatException(metadata.Path, "gguf-vocabulary",
                    $"{Prefix}eos_token_ids has {id}; ids go from 0 to {rows - 1}.");
            }
            if (!ids.Contains((int)id))
                ids.Add((int)id);
        }
        return ids;
    }

    private static string Shown(string? text) => text is null ? "missing" : $"'{Printable.Clip(text)}'";
}
