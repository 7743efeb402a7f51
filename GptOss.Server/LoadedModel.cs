using GptOss.Reference.Serving;
using GptOss.Server.Http;

namespace GptOss.Server;

/// <summary>What exists once the model is loaded.</summary>
/// <param name="served">The model and its scheduler.</param>
/// <param name="date">The day that prompts state; null for today's.</param>
internal sealed class LoadedModel(ServedModel served, DateOnly? date)
{
    internal ServedModel Served => served;

    /// <summary>Makes prompts.</summary>
    internal TurnComposer Composer { get; } = new(served.Tokenizer, () => date ?? DateOnly.FromDateTime(DateTime.Now));

    /// <summary>Writes log-probabilities.</summary>
    internal LogProbabilityJson LogProbabilities { get; } = new(served.Tokenizer);
}
