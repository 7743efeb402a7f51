using System.Text;
using System.Text.Json.Nodes;
using GptOss.Reference.Generation;
using GptOss.Reference.Tokens;

namespace GptOss.Server.Completions;

/// <summary>One answer of Completions as it grows.</summary>
/// <param name="index">Its place among the choices.</param>
/// <param name="request">What was asked.</param>
/// <param name="prompt">The prompt's ids, for an echo.</param>
/// <param name="tokenizer">What the ids mean.</param>
internal sealed class CompletionChoice(int index, CompletionsRequest request, int[] prompt, Tokenizer tokenizer)
{
    private readonly StringBuilder _text = new();
    private readonly StreamingDecoder _decoder = new(tokenizer);
    private readonly StopText _stop = new(request.Stops);
    private readonly List<(int Offset, int Id, LogProbabilities? Entry)> _tokens = [];
    private int _decoded;                                            // characters of all tokens, whether given out or held back
    private string? _finish;

    /// <summary>Whether a stop text appeared.</summary>
    internal bool HasStopped => _stop.HasStopped;

    /// <summary>Takes the prompt, where the answer begins with it.</summary>
    /// <param name="entries">Its log-probabilities but for the first token; null where none were asked for.</param>
    /// <returns>The chunk that says it.</returns>
    internal JsonObject Echo(IReadOnlyList<LogProbabilities>? entries)
    {
        for (int i = 0; i < prompt.Length; i++) Note(prompt[i], entries is null || i == 0 ? null : entries[i - 1]);
        string text = tokenizer.Decode(prompt);
        _decoded = text.Length;
        _text.Append(text);
        return Chunk(text, 0, null);
    }

    /// <summary>Takes a token.</summary>
    /// <param name="id">The token.</param>
    /// <param name="isEnd">Whether it is a stop token, which is no part of the text.</param>
    /// <param name="entry">Its log-probabilities, where they were asked for.</param>
    /// <returns>The chunk that says it; null where no text is certain yet.</returns>
    internal JsonObject? Take(int id, bool isEnd, LogProbabilities? entry)
    {
        if (isEnd) return null;
        int from = _tokens.Count;
        Note(id, entry);
        string decoded = _decoder.Append(id) ?? "";
        _decoded += decoded.Length;
        string text = _stop.Append(decoded);
        _text.Append(text);
        return text.Length == 0 && request.TopLogProbabilities is null ? null : Chunk(text, from, null);
    }

    /// <summary>Ends the answer.</summary>
    /// <returns>The last chunk.</returns>
    internal JsonObject End(FinishReason reason)
    {
        _finish = reason == FinishReason.Length ? "length" : "stop";
        string rest = _stop.Append(_decoder.Flush()) + _stop.Flush();
        _text.Append(rest);
        return Chunk(rest, _tokens.Count, _finish);
    }

    internal JsonObject Whole() => new()
    {
        ["index"] = index, ["text"] = _text.ToString(), ["logprobs"] = Entries(0), ["finish_reason"] = _finish,
    };

    private void Note(int id, LogProbabilities? entry) => _tokens.Add((_decoded, id, entry));

    private JsonObject Chunk(string text, int from, string? finish) => new()
    {
        ["index"] = index, ["text"] = text, ["logprobs"] = Entries(from), ["finish_reason"] = finish,
    };

    private JsonObject? Entries(int from)
    {
        if (request.TopLogProbabilities is null) return null;
        JsonArray tokens = [], values = [], tops = [], offsets = [];
        foreach ((int offset, int id, LogProbabilities? entry) in _tokens.Skip(from))
        {
            tokens.Add((JsonNode)tokenizer.Decode([id]));
            values.Add(entry is null ? null : (JsonNode)Finite(entry.Chosen.LogProbability));
            tops.Add(entry is null ? null : (JsonNode)Top(entry));
            offsets.Add((JsonNode)offset);
        }

        return new JsonObject { ["tokens"] = tokens, ["token_logprobs"] = values, ["top_logprobs"] = tops, ["text_offset"] = offsets };
    }

    private JsonObject Top(LogProbabilities entry)
    {
        var map = new JsonObject();
        // Two tokens may have the same text; the more probable one keeps it.
        foreach (TokenLogProbability top in entry.Top) map.TryAdd(tokenizer.Decode([top.Id]), Finite(top.LogProbability));
        return map;
    }

    private static double Finite(double logProbability) => Math.Max(-9999, logProbability);
}
