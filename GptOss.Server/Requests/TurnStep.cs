using GptOss.Reference.Generation;
using GptOss.Reference.Serving;

namespace GptOss.Server.Requests;

/// <summary>What a token of a running turn brought.</summary>
/// <param name="Choice">To which answer.</param>
/// <param name="Events">What became certain; valid until the next step.</param>
/// <param name="Finish">Why the answer ended with it; null where it goes on.</param>
internal readonly record struct TurnStep(int Choice, IReadOnlyList<TurnEvent> Events, FinishReason? Finish);
