namespace GptOss.Reference.Oracle.Diff;

/// <summary>Two traces of different prompts: from here on their numbers have nothing to say about the model.</summary>
/// <param name="Position">The first position at which the ids differ.</param>
/// <param name="Reference">The reference's id there.</param>
/// <param name="Candidate">The candidate's.</param>
public sealed record PromptDifference(int Position, int Reference, int Candidate)
{
    /// <summary>Where ids differ; null where they agree over the shorter one's length, or where one side does not state its ids.</summary>
    internal static PromptDifference? Of(IReadOnlyList<int>? reference, IReadOnlyList<int>? candidate)
    {
        if (reference is null || candidate is null)
            return null;
        for (int i = 0; i < Math.Min(reference.Count, candidate.Count); i++)
        {
            if (reference[i] != candidate[i])
                return new(i, reference[i], candidate[i]);
        }
        return null;
    }

    /// <summary>Half a sentence.</summary>
    public override string ToString() => $"they differ first at position {Position}: {Reference} in A, {Candidate} in B";
}
