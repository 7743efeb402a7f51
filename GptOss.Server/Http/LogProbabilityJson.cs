using System.Text;
using System.Text.Json.Nodes;
using GptOss.Reference.Generation;
using GptOss.Reference.Tokens;

namespace GptOss.Server.Http;

/// <summary>Log-probabilities as the APIs write them: <c>{token, logprob, bytes, top_logprobs}</c>.</summary>
/// <param name="tokenizer">What the ids mean.</param>
internal sealed class LogProbabilityJson(Tokenizer tokenizer)
{
    private const double Least = -9999;                      // JSON has no infinity

    internal JsonArray Entries(IEnumerable<LogProbabilities> all) => [.. all.Select(Entry)];

    private JsonNode Entry(LogProbabilities one)
    {
        JsonObject entry = Token(one.Chosen);
        entry["top_logprobs"] = new JsonArray([.. one.Top.Select(JsonNode (top) => Token(top))]);
        return entry;
    }

    private JsonObject Token(TokenLogProbability token)
    {
        byte[] bytes = Bytes(token.Id);
        return new JsonObject
        {
            ["token"] = Encoding.UTF8.GetString(bytes), ["logprob"] = Math.Max(Least, token.LogProbability),
            ["bytes"] = new JsonArray([.. bytes.Select(JsonNode (b) => (int)b)]),
        };
    }

    private byte[] Bytes(int id) => tokenizer.TryGetBytes(id, out ReadOnlyMemory<byte> bytes)
        ? bytes.ToArray() : Encoding.UTF8.GetBytes(tokenizer.Decode([id]));
}
