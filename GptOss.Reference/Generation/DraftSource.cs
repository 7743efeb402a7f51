namespace GptOss.Reference.Generation;

/// <summary>Guesses what follows some tokens.</summary>
/// <param name="known">Prompt and answer so far.</param>
/// <param name="into">Receives the guess.</param>
internal delegate Draft DraftSource(ReadOnlySpan<int> known, Span<int> into);
