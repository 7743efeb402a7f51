using System.Text.Json;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;

namespace GptOss.Reference.Chat;

/// <summary>Conversation settings. All of them may change between turns.</summary>
public sealed record ConversationOptions
{
    /// <summary>The system message: effort, date, identity. Its tools are those of <see cref="Tools"/>.</summary>
    public SystemContent System { get; init; } = new();

    /// <summary>The application's instructions, in the developer message; null for none.</summary>
    public string? Instructions { get; init; }

    /// <summary>The tools that are on. Nothing the model writes is run unless it is for one of them.</summary>
    public IReadOnlyList<ITool> Tools { get; init; } = [];

    /// <summary>
    /// Asked before each call: true runs it, false answers the model that it was not allowed, and an <see cref="OperationCanceledException"/> ends
    /// the turn. Null allows every call.
    /// </summary>
    public Func<ITool, Message, CancellationToken, Task<bool>>? Allow { get; init; }

    /// <summary>
    /// A JSON Schema that the answer on the final channel follows, token by token; null for any text. The model is shown it. Analysis stays free, and
    /// so do calls of the tools that are on; what a call holds is JSON where its tool takes JSON.
    /// </summary>
    public JsonElement? AnswerSchema { get; init; }

    /// <summary>
    /// Whether an answer that <see cref="AnswerSchema"/> binds is closed before <see cref="MaxTokens"/> or the context ends it. Where not even the
    /// shortest answer fits, the turn fails with a <see cref="BudgetException"/>; behind calls of tools it ends as one that fills its context does.
    /// </summary>
    public bool CloseOnBudget { get; init; }

    /// <summary>How tokens are chosen; by default from the model's own distribution.</summary>
    public SamplingOptions Sampling { get; init; } = new() { Temperature = 1 };

    /// <summary>Tokens that prompt and answer may take together; at most the model's.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int Context
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Context), value, "The context has at least 1 token.");
    } = 8192;

    /// <summary>The most tokens that the model writes without a pause for a tool; null for what the context leaves.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int? MaxTokens
    {
        get;
        init => field = value is null or >= 1 ? value
            : throw new ArgumentOutOfRangeException(nameof(MaxTokens), value,
                "The model writes at least 1 token, or null for what the context leaves.");
    }

    /// <summary>The most tokens to guess ahead; see <see cref="GenerationOptions.Speculate"/>. 8 unless stated. Changes no token.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not 0 to 32.</exception>
    public int Speculate
    {
        get;
        init => field = GenerationOptions.Checked(value, nameof(Speculate));
    } = GenerationOptions.UsualSpeculation;

    /// <summary>The most calls of one turn.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public int MaxCalls
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(MaxCalls), value, "The number of calls is at least 0.");
    } = 64;

    /// <summary>Which analysis of earlier turns is left out.</summary>
    public DroppedAnalysis Drop { get; init; } = DroppedAnalysis.Finished;

    /// <summary>How long a tool that was stopped is waited for, so that it can say what became of its call.</summary>
    internal TimeSpan StopGrace { get; init; } = TimeSpan.FromSeconds(3);
}
