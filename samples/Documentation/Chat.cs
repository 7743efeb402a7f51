using GptOss.Reference.Chat;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;

namespace Documentation;

/// <summary>GptOss.Reference/Chat/README.md.</summary>
public static class Chat
{
    public static async Task<TurnResult> RunAsync(string checkpoint)
    {
        using var model = Transformer.Load(checkpoint);
        var conversation = new Conversation(model, model.Checkpoint.Tokenizer);
        await foreach (ConversationEvent happened in conversation.AskAsync("What is the capital of Norway?"))
        {
            if (happened is TokenWritten { Kind: MessageKind.Answer, Delta: { Text: var text } })
                Console.Write(text);
        }
        TurnResult next = await conversation.AskAsync("And of Japan?").ToResultAsync();
        return next;
    }
}
