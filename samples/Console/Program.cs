// One question, one answer: the library without any framework.
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

using Transformer model = Transformer.Load(args is [var given, ..] ? given : "testdata/tiny-gpt-oss");
Tokenizer tokenizer = model.Checkpoint.Tokenizer;
int[] prompt = PublishedPrompt.Build(tokenizer, "What is the capital of Norway?", date: new DateOnly(2026, 11, 24));
GenerationResult answer = new Generator(model, tokenizer).Generate(prompt, new GenerationOptions { StopTokens = StopTokens.For(model, tokenizer), MaxTokens = 64 });
Console.WriteLine(FinalChannel.Extract(tokenizer, [.. answer.Ids]));
