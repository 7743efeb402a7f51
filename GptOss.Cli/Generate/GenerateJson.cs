using System.Text.Json;
using GptOss.Reference.Generation;
using GptOss.Reference.Ground;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Generate;

/// <summary>The object that <c>generate --json</c> prints.</summary>
internal static class GenerateJson
{
    /// <summary>The object, on one line.</summary>
    internal static string Of(GenerationResult result, int promptTokens, Tokenizer tokenizer) => JsonText.Of(json =>
    {
        json.WriteStartObject();
        json.WriteStartArray("ids");
        foreach (int id in result.Ids)
            json.WriteNumberValue(id);
        json.WriteEndArray();
        json.WriteString("text", result.Text);
        json.WriteString("finish_reason", result.FinishReason switch
        {
            FinishReason.Stop => "stop",
            FinishReason.Length => "length",
            _ => "cancelled",
        });
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", promptTokens);
        json.WriteNumber("completion_tokens", result.Ids.Count);
        json.WriteNumber("total_tokens", promptTokens + (long)result.Ids.Count);
        json.WriteEndObject();
        if (result.LogProbabilities is { } steps)
        {
            json.WriteStartArray("logprobs");
            foreach (LogProbabilities step in steps)
            {
                json.WriteStartObject();
                WriteToken(json, step.Chosen, tokenizer);
                json.WriteStartArray("top");
                foreach (TokenLogProbability token in step.Top)
                {
                    json.WriteStartObject();
                    WriteToken(json, token, tokenizer);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteString("logits_hash", result.LogitsHash);
        json.WriteEndObject();
    });

    // JSON has no infinity; a token that cannot be drawn has no log-probability.
    private static void WriteToken(Utf8JsonWriter json, TokenLogProbability token, Tokenizer tokenizer)
    {
        json.WriteNumber("id", token.Id);
        json.WriteString("token", tokenizer.Decode([token.Id]));
        json.WriteFinite("logprob", token.LogProbability);
    }
}
