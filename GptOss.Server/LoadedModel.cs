using GptOss.Reference.Serving;
using GptOss.Server.Http;

namespace GptOss.Server;

/// <summary>What exists once the model is loaded.</summary>
/// <param name="served">The model and its scheduler.</param>
/// <param name="date">The day that prompts state; null for today's.</param>
/// <param name="schemas">Where compiled schemas are kept.</param>
internal sealed class LoadedModel(ServedModel served, DateOnly? date, SchemaCache schemas)
{
    internal ServedModel Served => served;

    /// <summary>Makes prompts.</summary>
    internal TurnComposer Composer { get; } = new(served.Tokenizer, () => date ?? DateOnly.FromDateTime(DateTime.Now), schemas);

    /// <summary>Writes log-probabilities.</summary>
    internal LogProbabilityJson LogProbabilities { get; } = new(served.Tokenizer);
}
