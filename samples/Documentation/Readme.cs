using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace Documentation;

/// <summary>README.md.</summary>
public static class Readme
{
    public static void Run(string checkpoint)
    {
        using var model = Transformer.Load(checkpoint);
        Tokenizer tokenizer = model.Checkpoint.Tokenizer;
        int[] prompt = PublishedPrompt.Build(tokenizer, "What is the capital of Norway?", date: new DateOnly(2026, 11, 24));

        Sequence sequence = model.NewSequence();
        LogitsBuffer logits = new();                                                          // yours: no one else writes to it
        model.Forward(new BatchItem(sequence, prompt, LogitRows.Last), logits);               // logits[0][id] is that token's logit

        GenerationOptions options = new() { StopTokens = StopTokens.For(model, tokenizer), MaxTokens = 64 };
        GenerationResult answer = new Generator(model, tokenizer).Generate(prompt, options);
        Console.WriteLine(FinalChannel.Extract(tokenizer, answer.Ids.ToArray()));          // The capital of Norway is Oslo.
    }
}
