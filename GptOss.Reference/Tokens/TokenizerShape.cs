using System.Text;
using System.Text.Json;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Tokens;

/// <summary>What a <c>tokenizer.json</c> says besides its tokens, and the one way of saying it that gives the published ids.</summary>
/// <remarks>
/// <para>These settings decide which ids a text gets, so whatever is not in the table is refused by name. <c>truncation</c> and <c>padding</c>
/// are ignored: they are about batches, and transformers sets them for each call.</para>
/// <para>Sources: the published <c>tokenizer.json</c> of gpt-oss; for what an absent setting means, <c>huggingface/tokenizers</c>.</para>
/// </remarks>
internal static class TokenizerShape
{
    private const string Split = "pre_tokenizer.pretokenizers[0]", ByteLevel = "pre_tokenizer.pretokenizers[1]";
    private const int MostValues = 64, MostNameBytes = 256, MostValueBytes = 4096;

    private static readonly Rule[] Rules =
    [
        // Text reaches the splitter unchanged.
        new("normalizer", ["null"], IsOptional: true),

        // It is split by o200k's pattern, and nothing else is cut, dropped or replaced; then bytes are spelled as characters.
        new("pre_tokenizer.type", ["'Sequence'"]),
        new($"{Split}.type", ["'Split'"]),
        new($"{Split}.pattern.Regex", [$"'{PieceSplitter.Pattern}'"], Name: "the pattern of o200k_base"),
        new($"{Split}.behavior", ["'Isolated'"]),
        new($"{Split}.invert", ["false"], IsOptional: true),
        new($"{ByteLevel}.type", ["'ByteLevel'"]),
        new($"{ByteLevel}.add_prefix_space", ["false"]),
        new($"{ByteLevel}.trim_offsets", ["true", "false"], IsOptional: true),
        new($"{ByteLevel}.use_regex", ["false"]),

        // Byte-pair merging in rank order, of every piece, each time alike. With all 256 bytes in the vocabulary nothing is unknown.
        new("model.type", ["'BPE'"], IsOptional: true),
        new("model.dropout", ["null"], IsOptional: true),
        new("model.unk_token", ["null"], IsOptional: true),
        new("model.continuing_subword_prefix", ["null", "''"], IsOptional: true),
        new("model.end_of_word_suffix", ["null", "''"], IsOptional: true),
        new("model.fuse_unk", ["false"], IsOptional: true),
        new("model.byte_fallback", ["false"], IsOptional: true),
        new("model.ignore_merges", ["true", "false"], IsOptional: true),

        // No id is added in front or behind, and ids become the bytes they spell.
        new("post_processor", ["null"], IsOptional: true),
        new("post_processor.type", ["'ByteLevel'"], IsOptional: true),
        new("post_processor.add_prefix_space", ["true", "false"], IsOptional: true),
        new("post_processor.trim_offsets", ["true", "false"], IsOptional: true),
        new("post_processor.use_regex", ["true", "false"], IsOptional: true),
        new("decoder", ["null"], IsOptional: true),
        new("decoder.type", ["'ByteLevel'"], IsOptional: true),
        new("decoder.add_prefix_space", ["true", "false"], IsOptional: true),
        new("decoder.trim_offsets", ["true", "false"], IsOptional: true),
        new("decoder.use_regex", ["true", "false"], IsOptional: true),
    ];

    /// <summary>Finds what does not have the published shape.</summary>
    /// <param name="settings">Paths such as <c>model.dropout</c>, each with its value as <see cref="TryCollect"/> spells it.</param>
    /// <returns>The first difference as a sentence without its full stop; null for none.</returns>
    internal static string? Difference(IReadOnlyList<(string Path, string Value)> settings)
    {
        // An unknown type explains the settings that come with it, so types are checked first.
        foreach ((string path, string value) in settings.OrderBy(setting => setting.Path.EndsWith(".type", StringComparison.Ordinal) ? 0 : 1))
        {
            if (Array.Find(Rules, rule => rule.Path == path) is not { } rule)
                return $"{Printable.Clip(path)} is {Printable.Clip(value)}; the published tokenizer has no such setting, so it could change ids";
            if (!rule.Allowed.Contains(value))
                return $"{path} is {Printable.Clip(value)}; expected {rule.Expected}";
        }

        return Array.Find(Rules, rule => !rule.IsOptional && settings.All(setting => setting.Path != rule.Path)) is { } missing
            ? $"expected {missing.Path} to be {missing.Expected}, found none"
            : null;
    }

    /// <summary>Collects the scalars of the value at a reader, with their paths: as JSON, but strings in single quotes and not escaped.</summary>
    /// <returns>False where there is more than settings would have: too many, or too long.</returns>
    internal static bool TryCollect(ref Utf8JsonReader reader, string path, List<(string Path, string Value)> settings)
    {
        if (settings.Count == MostValues || path.Length > MostNameBytes)
            return false;
        int items = 0;
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                for (; reader.Read() && reader.TokenType == JsonTokenType.PropertyName; items++)
                {
                    if (reader.ValueSpan.Length > MostNameBytes)
                        return false;
                    string inner = $"{path}.{reader.GetString()}";
                    reader.Read();
                    if (!TryCollect(ref reader, inner, settings))
                        return false;
                }

                if (items == 0)
                    settings.Add((path, "{}"));
                return true;
            case JsonTokenType.StartArray:
                for (; reader.Read() && reader.TokenType != JsonTokenType.EndArray; items++)
                {
                    if (!TryCollect(ref reader, $"{path}[{items}]", settings))
                        return false;
                }
                if (items == 0)
                    settings.Add((path, "[]"));
                return true;
            default:
                if (reader.ValueSpan.Length > MostValueBytes)
                    return false;
                settings.Add((path, reader.TokenType == JsonTokenType.String ? $"'{reader.GetString()}'"
                    : Encoding.UTF8.GetString(reader.ValueSpan)));
                return true;
        }
    }

    /// <summary>What a setting may be.</summary>
    /// <param name="Path">Its path.</param>
    /// <param name="Allowed">Values that give the published ids.</param>
    /// <param name="IsOptional">Whether an absent value gives them too.</param>
    /// <param name="Name">How a message calls the allowed value; null for the value itself.</param>
    private sealed record Rule(string Path, string[] Allowed, bool IsOptional = false, string? Name = null)
    {
        internal string Expected => Name ?? string.Join(" or ", Allowed);
    }
}
