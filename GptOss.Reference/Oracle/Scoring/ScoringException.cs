using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>A corpus, another engine's scores or an earlier run cannot be used; the message names the file and the line.</summary>
/// <param name="message">One sentence.</param>
/// <param name="inner">What caused it; null where no other exception was caught.</param>
public sealed class ScoringException(string message, Exception? inner = null) : GptOssException(message, inner);
