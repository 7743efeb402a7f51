using System.Text.Json.Nodes;

namespace GptOss.Server.Http;

/// <summary>Token counts of an answer. Completion tokens are the tokens sampled, Harmony headers and end tokens included.</summary>
/// <param name="Prompt">Tokens of the prompt.</param>
/// <param name="Cached">Those of them that were computed before.</param>
/// <param name="Completion">Tokens of all answers.</param>
/// <param name="Reasoning">Those of them that are reasoning text.</param>
internal readonly record struct TokenUsage(int Prompt, int Cached, int Completion, int Reasoning)
{
    /// <summary>In the words of Chat Completions and Completions.</summary>
    internal JsonObject Chat() => new()
    {
        ["prompt_tokens"] = Prompt, ["completion_tokens"] = Completion, ["total_tokens"] = Prompt + Completion,
        ["prompt_tokens_details"] = new JsonObject { ["cached_tokens"] = Cached },
        ["completion_tokens_details"] = new JsonObject { ["reasoning_tokens"] = Reasoning },
    };

    /// <summary>In the words of Responses.</summary>
    internal JsonObject Responses() => new()
    {
        ["input_tokens"] = Prompt, ["input_tokens_details"] = new JsonObject { ["cached_tokens"] = Cached },
        ["output_tokens"] = Completion, ["output_tokens_details"] = new JsonObject { ["reasoning_tokens"] = Reasoning },
        ["total_tokens"] = Prompt + Completion,
    };
}
