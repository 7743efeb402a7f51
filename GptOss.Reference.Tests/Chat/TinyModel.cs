using GptOss.Reference.Chat;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Tests.Chat;

/// <summary>The toy, opened once for a class of tests.</summary>
public sealed class TinyModel : IDisposable
{
    internal const string Date = "2026-11-24";

    public Transformer Model { get; } = Transformer.Load(TestData.Tiny);

    public Tokenizer Tokenizer { get; } = Tokenizer.ForCheckpoint(TestData.Tiny);

    public void Dispose() => Model.Dispose();

    internal static ConversationOptions Greedy => new()
    {
        System = new SystemContent { ConversationStartDate = Date },
        Sampling = new SamplingOptions(),
    };

    internal Conversation Conversation(Func<ConversationOptions, ConversationOptions>? change = null) =>
        new(Model, Tokenizer, change is null ? Greedy : change(Greedy));
}
