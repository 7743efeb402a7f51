using System.Globalization;
using System.Text.Json;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Dumps;

/// <summary>The log-probabilities of a few tokens at each position, as servers return them: all that many porters have in place of logits.</summary>
/// <remarks>
/// JSON: a list with one entry a position, <c>{"id": logprob}</c> for the token that follows it, or null where there is none; or an object that holds the list as
/// <c>logprobs</c>. A server's <c>prompt_logprobs</c> is read too: its entry i is about token i, which follows position i − 1. Keys are token ids, alone or as
/// <c>token_id:17</c>; values are numbers, or objects with a <c>logprob</c>.
/// </remarks>
public sealed class ListedLogProbabilities
{
    private const int MostBytes = 256 << 20;
    private const string Rule = "logprobs", Prefix = "token_id:";

    /// <summary>Engines that compute in 16 bits may give a certain token slightly more than 0.</summary>
    internal const double MostLogProbability = 0.1;

    private ListedLogProbabilities(string path, IReadOnlyList<IReadOnlyDictionary<int, double>?> rows) => (Path, Rows) = (path, rows);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>For each row token ids and their log-probabilities; null where the file has none.</summary>
    public IReadOnlyList<IReadOnlyDictionary<int, double>?> Rows { get; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="CheckpointFormatException">It cannot be read, or is not such a list.</exception>
    public static ListedLogProbabilities Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        using JsonDocument document = JsonDocuments.ParseAny(Files.ReadAll(path, MostBytes), path, Rule);
        JsonElement list = document.RootElement;
        bool isOfPrompt = false;
        if (list.ValueKind == JsonValueKind.Object)
        {
            isOfPrompt = list.TryGetProperty("prompt_logprobs", out JsonElement inner);
            if (isOfPrompt || list.TryGetProperty("logprobs", out inner))
                list = inner;
        }
        if (list.ValueKind != JsonValueKind.Array)
            throw new CheckpointFormatException(path, Rule, "there is no list of log-probabilities; expected [{\"17\": -0.5, …}, null, …], one entry for each position.");
        List<IReadOnlyDictionary<int, double>?> rows = [.. list.EnumerateArray().Select((entry, i) => Row(entry, i, path))];
        if (isOfPrompt && rows.Count > 0)
        {
            rows.RemoveAt(0);
            rows.Add(null);
        }
        return rows.Exists(row => row is { Count: > 0 }) ? new(path, rows)
            : throw new CheckpointFormatException(path, Rule, "the list holds no log-probabilities.");
    }

    private static Dictionary<int, double>? Row(JsonElement entry, int index, string path)
    {
        if (entry.ValueKind == JsonValueKind.Null)
            return null;
        if (entry.ValueKind != JsonValueKind.Object)
            throw new CheckpointFormatException(path, Rule, $"entry {index} is {JsonDocuments.Shown(entry)}; expected an object of token ids and log-probabilities, or null.");
        var row = new Dictionary<int, double>();
        foreach (JsonProperty token in entry.EnumerateObject())
        {
            string key = token.Name.StartsWith(Prefix, StringComparison.Ordinal) ? token.Name[Prefix.Length..] : token.Name;
            if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int id))
            {
                throw new CheckpointFormatException(path, Rule,
                    $"entry {index} has the key '{Printable.Clip(token.Name)}'; expected token ids (servers that print text need an option such as return_tokens_as_token_ids).");
            }
            JsonElement value = token.Value.ValueKind == JsonValueKind.Object && token.Value.TryGetProperty("logprob", out JsonElement inner) ? inner : token.Value;
            if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out double logprob) || !double.IsFinite(logprob) || logprob > MostLogProbability)
            {
                throw new CheckpointFormatException(path, Rule,
                    $"entry {index} has {JsonDocuments.Shown(value)} for token {id}; expected a log-probability, which is at most 0.");
            }
            if (!row.TryAdd(id, logprob))
                throw new CheckpointFormatException(path, Rule, $"entry {index} has token {id} twice.");
        }
        return row;
    }
}
