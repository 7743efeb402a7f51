using System.Text.Json;
using GptOss.Reference.Generation;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>
/// One document's scores as a line: <c>{id, tokens, bytes, logprob, logprobs: [null, …], top: [null, {"id": lp}, …]}</c>, and after a comparison
/// <c>kl</c> or <c>kl_top</c>, <c>same_first</c> and <c>top_agreement</c>, one value a token.
/// </summary>
/// <remarks>Numbers have the fewest digits that give the same double back. An infinite divergence is the string "Infinity".</remarks>
internal static class ScoreLine
{
    private const string Rule = "score-line", Infinity = "Infinity";

    /// <summary>The line with its LF.</summary>
    internal static byte[] Write(DocumentScore score)
    {
        byte[] line = JsonText.Utf8(json =>
        {
            json.WriteStartObject();
            json.WritePropertyName("id");
            json.WriteRawValue(score.Id);
            json.WriteNumber("tokens", score.Tokens);
            json.WriteNumber("bytes", score.Bytes);
            json.WriteNumber("logprob", score.LogProbability);
            WriteArray(json, "logprobs", score.LogProbabilities, static (json, value) => json.WriteNumberValue(value!.Value));
            WriteArray(json, "top", score.Top, WriteTop);
            if (score.Comparison is { } comparison)
            {
                WriteArray(json, comparison.IsFull ? "kl" : "kl_top", comparison.Tokens, WriteDivergence);
                WriteArray(json, "same_first", [.. comparison.Tokens.Select(token => token?.SameFirst)],
                    static (json, same) => json.WriteBooleanValue(same!.Value));
                WriteArray(json, "top_agreement", [.. comparison.Tokens.Select(token => token?.TopAgreement)],
                    static (json, share) => json.WriteNumberValue(share!.Value));
            }
            json.WriteEndObject();
        });
        return [.. line, (byte)'\n'];
    }

    /// <summary>The numbers of a line that was written here.</summary>
    /// <exception cref="ScoringException">It is not such a line.</exception>
    internal static DocumentTotals Totals(ReadOnlyMemory<byte> line, string place)
    {
        using JsonDocument document = ScoreJson.Parse(line, place, Rule);
        JsonElement root = document.RootElement;
        if (!root.TryGetProperty("tokens", out JsonElement tokens) || !tokens.IsInt32(out int count)
            || !root.TryGetProperty("bytes", out JsonElement bytes) || !bytes.IsInt64(out long byteCount)
            || !root.TryGetProperty("logprob", out JsonElement sum) || !sum.IsDouble(out double logProbability) || logProbability > 0)
            throw new ScoringException($"{place}: this is not a line of scores; expected id, tokens, bytes, logprob (at most 0), logprobs and top.");
        return new(count, byteCount, logProbability, Comparison(root, count, place) is { } comparison ? ComparisonTotals.Of(comparison) : null);
    }

    private static void WriteTop(Utf8JsonWriter json, IReadOnlyList<TokenLogProbability>? top)
    {
        json.WriteStartObject();
        foreach (TokenLogProbability token in top!)
        {
            // −∞ has no JSON; such a token cannot come next and is not listed.
            if (double.IsFinite(token.LogProbability))
                json.WriteNumber(ScoreJson.Number(token.Id), token.LogProbability);
        }
        json.WriteEndObject();
    }

    private static void WriteDivergence(Utf8JsonWriter json, TokenComparison? token)
    {
        if (double.IsFinite(token!.Value.Divergence))
            json.WriteNumberValue(token.Value.Divergence);
        else
            json.WriteStringValue(Infinity);
    }

    private static void WriteArray<T>(Utf8JsonWriter json, string name, IReadOnlyList<T> values, Action<Utf8JsonWriter, T> write)
    {
        json.WriteStartArray(name);
        foreach (T value in values)
        {
            if (value is null)
                json.WriteNullValue();
            else
                write(json, value);
        }
        json.WriteEndArray();
    }

    private static DocumentComparison? Comparison(JsonElement root, int tokens, string place)
    {
        bool isFull = root.TryGetProperty("kl", out JsonElement divergence);
        if (!isFull && !root.TryGetProperty("kl_top", out divergence))
            return null;
        if (!root.TryGetProperty("same_first", out JsonElement same) || !root.TryGetProperty("top_agreement", out JsonElement agreement)
            || ((JsonElement[])[divergence, same, agreement]).Any(list => list.ValueKind != JsonValueKind.Array || list.GetArrayLength() != tokens))
            throw new ScoringException($"{place}: this is not a comparison of {tokens} tokens.");
        var values = new TokenComparison?[tokens];
        for (int i = 0; i < tokens; i++)
        {
            if (divergence[i].ValueKind == JsonValueKind.Null)
                continue;
            double nats = divergence[i].IsDouble(out double finite) ? finite : double.PositiveInfinity;
            bool? sameFirst = same[i].ValueKind == JsonValueKind.Null ? null : same[i].ValueKind == JsonValueKind.True;
            values[i] = new(nats, sameFirst, agreement[i].IsDouble(out double share) ? share : null);
        }
        return new(isFull, values);
    }

    private static bool IsInt32(this JsonElement element, out int value)
    {
        value = 0;
        return element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out value) && value >= 0;
    }

    private static bool IsInt64(this JsonElement element, out long value)
    {
        value = 0;
        return element.ValueKind == JsonValueKind.Number && element.TryGetInt64(out value) && value >= 0;
    }
}
