using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using GptOss.Reference.Generation;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Generate;

/// <summary>The object that <c>generate --json</c> prints.</summary>
internal static class GenerateJson
{
    internal static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The object, on one line.</summary>
    internal static string Of(GenerationResult result, int promptTokens, Tokenizer tokenizer) => Write(json =>
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

    /// <summary>A string as JSON spells it.</summary>
    internal static string Quoted(string text) => Write(json => json.WriteStringValue(text));

    /// <summary>What <paramref name="write"/> writes, as text.</summary>
    internal static string Write(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Options))
            write(json);
        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    // JSON has no infinity; a token that cannot be drawn has no log-probability.
    private static void WriteToken(Utf8JsonWriter json, TokenLogProbability token, Tokenizer tokenizer)
    {
        json.WriteNumber("id", token.Id);
        json.WriteString("token", tokenizer.Decode([token.Id]));
        if (double.IsFinite(token.LogProbability))
            json.WriteNumber("logprob", token.LogProbability);
        else
            json.WriteNull("logprob");
    }
}
