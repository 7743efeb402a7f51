using GptOss.Reference.Generation;

namespace GptOss.Reference.Serving;

/// <summary>A token of a running request.</summary>
/// <param name="Choice">Of which answer, from 0.</param>
/// <param name="Id">The token; a stop token too.</param>
/// <param name="LogProbabilities">Where they were asked for.</param>
/// <param name="Finish">Why the answer ends with this token; null where it goes on.</param>
public readonly record struct ServedToken(int Choice, int Id, LogProbabilities? LogProbabilities, FinishReason? Finish);
