namespace GptOss.Reference.Model;

/// <summary>Which token a row belongs to.</summary>
/// <param name="Sequence">The sequence.</param>
/// <param name="Position">Absolute 0-based position in it.</param>
public readonly record struct RowOrigin(Sequence Sequence, int Position);
