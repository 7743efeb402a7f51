using System.Text.Json;
using GptOss.Reference.Ground;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>A document to score: one line of a corpus.</summary>
/// <param name="Number">Counted from 0 over the whole corpus, empty lines not included.</param>
/// <param name="Id">Its name as JSON: a string in quotes, or a number. The number of its line where the line gives none.</param>
/// <param name="Ids">Its tokens; may be empty.</param>
/// <param name="LineBytes">Bytes of its line, which progress is counted in.</param>
public sealed record ScoreDocument(long Number, string Id, ReadOnlyMemory<int> Ids, long LineBytes)
{
    private const string Rule = "corpus-line";

    /// <summary>Whether the line gives its name.</summary>
    internal bool HasOwnId { get; private init; }

    /// <summary>Reads a line, <c>{"text" | "ids", "id"?}</c>; other keys are passed over.</summary>
    /// <param name="line">The line.</param>
    /// <param name="file">How messages call the file.</param>
    /// <param name="number">The document's number.</param>
    /// <param name="encode">Encodes text; null where the line is only checked, and <see cref="Ids"/> is then empty for text.</param>
    /// <param name="tokenizer">What text will be encoded with.</param>
    /// <param name="vocabulary">Ids that the model has.</param>
    /// <exception cref="ScoringException">The line is not such an object, or has an id that the model lacks.</exception>
    internal static ScoreDocument Read(ByteLine line, string file, long number, Func<string, int[]>? encode, Tokenizer tokenizer, int vocabulary)
    {
        string place = $"{file}, line {line.Number}";
        using JsonDocument document = ScoreJson.Parse(line.Bytes, place, Rule, line.Start);
        JsonElement root = document.RootElement;
        bool hasText = root.TryGetProperty("text", out JsonElement text), hasIds = root.TryGetProperty("ids", out JsonElement ids);
        if (hasText == hasIds)
        {
            throw new ScoringException(hasText
                ? $"{place}: there are both text and ids; give one of them."
                : $"{place}: there is neither text nor ids.");
        }
        if (hasText && text.ValueKind != JsonValueKind.String)
            throw new ScoringException($"{place}: text is {JsonDocuments.Shown(text)}; expected a string.");
        if (hasText && vocabulary < tokenizer.Count)
        {
            throw new ScoringException(
                $"{place}: the model has {vocabulary} token ids and its tokenizer {tokenizer.Count}, so text cannot be encoded for it; give ids.");
        }
        int[] tokens = hasIds ? Tokens(ids, place, vocabulary) : encode?.Invoke(text.GetString()!) ?? [];
        string? id = ScoreJson.Id(root, place);
        return new(number, id ?? ScoreJson.Number(line.Number), tokens, line.Bytes.Length + 1) { HasOwnId = id is not null };
    }

    private static int[] Tokens(JsonElement ids, string place, int vocabulary)
    {
        if (ids.ValueKind != JsonValueKind.Array)
            throw new ScoringException($"{place}: ids is {JsonDocuments.Shown(ids)}; expected a list of token ids.");
        int[] tokens = new int[ids.GetArrayLength()];
        int at = 0;
        foreach (JsonElement id in ids.EnumerateArray())
        {
            if (id.ValueKind != JsonValueKind.Number || !id.TryGetInt32(out tokens[at]))
                throw new ScoringException($"{place}: ids[{at}] is {JsonDocuments.Shown(id)}; expected a token id.");
            if ((uint)tokens[at] >= (uint)vocabulary)
                throw new ScoringException($"{place}: ids[{at}] is {tokens[at]}; the model has ids 0 to {vocabulary - 1}.");
            at++;
        }
        return tokens;
    }
}
