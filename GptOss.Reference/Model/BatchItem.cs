namespace GptOss.Reference.Model;

/// <summary>New tokens of one sequence: a prompt, a part of one, or the token that was just generated.</summary>
/// <param name="Sequence">The sequence that they extend.</param>
/// <param name="Tokens">Token ids, each below the vocabulary size.</param>
/// <param name="Logits">Which of their logits are wanted.</param>
public readonly record struct BatchItem(Sequence Sequence, ReadOnlyMemory<int> Tokens, LogitRows Logits);
