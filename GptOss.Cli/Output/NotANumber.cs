using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Oracle.Traces;

namespace GptOss.Cli.Output;

/// <summary>Says where a pass went wrong whose logits are not numbers.</summary>
internal static class NotANumber
{
    /// <summary>The exception with the first stage, layer and position that is not a number, which one more run of its ids finds.</summary>
    /// <param name="thrown">What a row of logits was refused with. A document that its sentence names stays named.</param>
    /// <param name="model">The model.</param>
    /// <param name="cancellation">Stops the run.</param>
    internal static LogitsException Located(LogitsException thrown, Transformer model, CancellationToken cancellation) =>
        Located(thrown, model, thrown.Ids, cancellation);

    /// <summary>The same where the exception does not know its ids.</summary>
    /// <param name="thrown">What a row of logits was refused with.</param>
    /// <param name="model">The model.</param>
    /// <param name="ids">The token ids that it had read.</param>
    /// <param name="cancellation">Stops the run.</param>
    internal static LogitsException Located(LogitsException thrown, Transformer model, ReadOnlyMemory<int> ids, CancellationToken cancellation)
    {
        if (NonFiniteSearch.Find(model, ids, cancellation) is not { } first)
            return thrown;
        string place = thrown.InnerException is LogitsException row ? thrown.Message.Replace(row.Message, "", StringComparison.Ordinal) : "";
        return new($"{place}{first}; 'gptoss inspect --check' reads the weights.", thrown);
    }
}
