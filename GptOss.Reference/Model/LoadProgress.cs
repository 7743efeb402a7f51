namespace GptOss.Reference.Model;

/// <summary>How far the weights have been read.</summary>
/// <param name="Done">Bytes that have been read.</param>
/// <param name="Total">Bytes of all files.</param>
public readonly record struct LoadProgress(long Done, long Total);
