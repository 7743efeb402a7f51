namespace GptOss.Reference.Generation;

/// <summary>A guess at what follows: how many tokens, and of which kind it is, so that kinds which prove right can be told from others.</summary>
/// <param name="Count">Tokens guessed; 0 for no guess.</param>
/// <param name="Kind">0 … <see cref="Drafting.Kinds"/> − 1.</param>
internal readonly record struct Draft(int Count, int Kind);
