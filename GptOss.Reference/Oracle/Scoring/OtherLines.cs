using System.Globalization;
using System.Text.Json;
using GptOss.Reference.Generation;
using GptOss.Reference.Ground;
using GptOss.Reference.Oracle.Dumps;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>Another engine's scores as lines, one a document.</summary>
internal sealed class OtherLines(string path, int vocabulary) : OtherEngine(path)
{
    private const string Rule = "score-line";
    private readonly FileStream _stream = File.OpenRead(path);
    private IEnumerator<ByteLine>? _lines;
    private long _read;

    public override void Dispose()
    {
        _lines?.Dispose();
        _stream.Dispose();
    }

    internal override OtherScores Of(ScoreDocument document)
    {
        _lines ??= ByteLines.Read(_stream, Name).Where(line => !line.IsBlank).GetEnumerator();
        do
        {
            if (!_lines.MoveNext())
                throw new ScoringException($"{Name} ends after {_read} lines; the corpus goes on with document {Printable.Clip(document.Id)}.");
        }
        while (_read++ < document.Number);
        return Read(_lines.Current, document);
    }

    private ListedScores Read(ByteLine line, ScoreDocument document)
    {
        string place = $"{Name}, line {line.Number}";
        using JsonDocument json = ScoreJson.Parse(line.Bytes, place, Rule, line.Start);
        JsonElement root = json.RootElement;
        if (ScoreJson.Id(root, place) is { } id && id != document.Id)
        {
            throw new ScoringException(
                $"{place} is of document {Printable.Clip(id)}; expected {Printable.Clip(document.Id)}, in the order of the corpus.");
        }
        int tokens = document.Ids.Length;
        if (!root.TryGetProperty("logprobs", out JsonElement values) || values.ValueKind != JsonValueKind.Array)
            throw new ScoringException($"{place}: logprobs is not a list.");
        if (values.GetArrayLength() != tokens)
        {
            throw new ScoringException(
                $"{place}: logprobs has {values.GetArrayLength()} entries and the document {tokens} tokens; the two engines have read other ids.");
        }
        double?[] chosen =
        [
            .. values.EnumerateArray()
                .Select((value, i) => value.ValueKind == JsonValueKind.Null ? (double?)null : Value(value, place, "logprobs", i)),
        ];
        if (!root.TryGetProperty("top", out JsonElement top) || top.ValueKind == JsonValueKind.Array && top.GetArrayLength() == 0)
            return new(document.Ids, chosen, new IReadOnlyList<TokenLogProbability>?[tokens]);
        if (top.ValueKind != JsonValueKind.Array || top.GetArrayLength() != tokens)
            throw new ScoringException($"{place}: top is not a list of {tokens} entries, one a token.");
        return new(document.Ids, chosen, [.. top.EnumerateArray().Select((entry, i) => Listed(entry, place, i))]);
    }

    /// <summary>The listed tokens, most probable first; of equal ones the smaller id.</summary>
    private IReadOnlyList<TokenLogProbability>? Listed(JsonElement entry, string place, int index)
    {
        if (entry.ValueKind == JsonValueKind.Null)
            return null;
        if (entry.ValueKind != JsonValueKind.Object)
        {
            throw new ScoringException(
                $"{place}: top[{index}] is {JsonDocuments.Shown(entry)}; expected an object of token ids and log-probabilities, or null.");
        }
        var tokens = new List<TokenLogProbability>();
        foreach (JsonProperty token in entry.EnumerateObject())
        {
            // 017 would be another spelling of 17, and the id could appear twice.
            if (!int.TryParse(token.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int id) || ScoreJson.Number(id) != token.Name)
                throw new ScoringException($"{place}: top[{index}] has the key '{Printable.Clip(token.Name)}'; expected a token id.");
            if (id >= vocabulary)
                throw new ScoringException($"{place}: top[{index}] lists token {id}; the model has ids 0 to {vocabulary - 1}.");
            tokens.Add(new(id, Value(token.Value, place, "top", index)));
        }
        return [.. tokens.OrderByDescending(token => token.LogProbability).ThenBy(token => token.Id)];
    }

    private static double Value(JsonElement value, string place, string list, int index) =>
        value.IsDouble(out double number) && number <= ListedLogProbabilities.MostLogProbability ? number
        : throw new ScoringException($"{place}: {list}[{index}] holds {JsonDocuments.Shown(value)}; expected a log-probability, which is at most 0.");
}
