using GptOss.Reference.Ground;
using GptOss.Reference.Oracle.Dumps;

namespace GptOss.Reference.Oracle.Diff;

/// <summary>
/// Compares the logits of a reference with what many engines give instead: log-probabilities of a few tokens, or the tokens that were chosen.
/// </summary>
public static class ListedDiff
{
    /// <summary>Compares on the listed tokens, after log-softmax over the whole row of the reference. The stage is called <c>logprobs</c>.</summary>
    /// <remarks>
    /// The budget is twice that of logits: ln p = logit − ln Σ exp, and either term may be off by that much. It counts over the root mean square of
    /// the reference's logits.
    /// </remarks>
    /// <param name="reference">A dump with logits.</param>
    /// <param name="listed">One entry for each position, or for each of those that are asked for.</param>
    /// <param name="options">Profile, budgets, names and positions.</param>
    /// <exception cref="CheckpointFormatException">The reference has no logits, or nothing says where the entries belong.</exception>
    public static TraceDifference Compare(Dump reference, ListedLogProbabilities listed, DiffOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(listed);
        var rows = new ReferenceLogits(reference, options ?? new());
        var positions = rows.PositionsOf(listed.Path, listed.Rows.Count, null);
        var elements = new List<ListedElement>();
        int best = 0, compared = 0;
        foreach ((int position, int row, int entry) in positions)
        {
            if (listed.Rows[entry] is not { Count: > 0 } tokens)
                continue;
            double[] logits = rows.Read(row);
            double sum = LogitsKinds.LogSumExp<double>(logits);
            compared++;
            foreach ((int id, double logprob) in tokens.OrderBy(pair => pair.Key))
            {
                if (id >= logits.Length)
                {
                    throw new CheckpointFormatException(listed.Path, "logprobs",
                        $"entry {entry} has token {id}; the reference has {logits.Length} logits.");
                }
                elements.Add(new(position, id, logits[id] - sum, logprob));
            }
            best += LogitAgreementSum.Largest(logits, 1)[0] == tokens.MaxBy(pair => pair.Value).Key ? 1 : 0;
        }
        rows.Notes.Add($"{elements.Count} log-probabilities at {compared} positions; the largest is the reference's at {best} of them.");
        return rows.Difference("logprobs", elements, 2, compared);
    }

    /// <summary>
    /// Compares tokens that were chosen greedily with the reference's largest logits. The stage is called <c>chosen</c>: its error is how far the
    /// logit of the chosen token lies below the largest, and its budget that of logits.
    /// </summary>
    /// <param name="reference">A dump with logits. Where its ids end with the chosen ones, they belong to the positions before those.</param>
    /// <param name="chosen">Token ids.</param>
    /// <param name="path">Where they came from, for messages.</param>
    /// <param name="options">Profile, budgets, names and positions.</param>
    /// <exception cref="CheckpointFormatException">The reference has no logits, or nothing says where the ids belong.</exception>
    public static TraceDifference CompareChosen(Dump reference, IReadOnlyList<int> chosen, string path, DiffOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(chosen);
        var rows = new ReferenceLogits(reference, options ?? new());
        var elements = new List<ListedElement>();
        int agreed = 0, compared = 0;
        foreach ((int position, int row, int entry) in rows.PositionsOf(path, chosen.Count, chosen))
        {
            double[] logits = rows.Read(row);
            int id = chosen[entry], largest = LogitAgreementSum.Largest(logits, 1)[0];
            if (id >= logits.Length)
                throw new CheckpointFormatException(path, "chosen", $"entry {entry} is {id}; the reference has {logits.Length} logits.");
            compared++;
            agreed += id == largest ? 1 : 0;
            if (id != largest)
                elements.Add(new(position, id, logits[largest], logits[id]));
        }
        rows.Notes.Add($"{agreed} of {compared} choices are the reference's.");
        return rows.Difference("chosen", elements, 1, compared);
    }
}
