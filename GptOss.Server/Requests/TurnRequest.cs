using GptOss.Reference.Generation;
using GptOss.Reference.Serving;

namespace GptOss.Server.Requests;

/// <summary>What Chat Completions and Responses ask of the model, in one form: a turn of the assistant's after a conversation.</summary>
internal sealed record TurnRequest
{
    /// <summary>What the prompt is made from.</summary>
    internal required Turn Turn { get; init; }

    /// <summary>The request's tools, for names and places.</summary>
    internal required OfferedTools Tools { get; init; }

    /// <summary>Where the request has the answer's schema; null for free text.</summary>
    internal required string? FormatPath { get; init; }

    internal required SamplingOptions Sampling { get; init; }

    internal required TokenPenalties? Penalties { get; init; }

    internal required IReadOnlyList<string> Stops { get; init; }

    /// <summary>Most tokens of the answer, reasoning included; null up to the end of the context.</summary>
    internal required int? MaxTokens { get; init; }

    /// <summary>Where the request has <see cref="MaxTokens"/>; null where it has none.</summary>
    internal required string? MaxTokensPath { get; init; }

    /// <summary>Whether the budget's last tokens close the answer, or the call. Refused where not even the shortest one fits.</summary>
    internal bool CloseOnBudget { get; init; }

    /// <summary>How many answers.</summary>
    internal int Choices { get; init; } = 1;

    /// <summary>How many alternatives beside each token's log-probability; null for no log-probabilities.</summary>
    internal int? TopLogProbabilities { get; init; }

    /// <summary>The field that a prompt that is too long is blamed on: <c>messages</c> or <c>input</c>.</summary>
    internal required string PromptParam { get; init; }
}
