namespace GptOss.Reference.Generation;

/// <summary>Keeps an answer that a constraint binds such that it can be closed within its budget of tokens.</summary>
/// <remarks>
/// Before each token the shortest end that the constraint knows fits what is left. What would change that, because it opens more than can be
/// closed, is not allowed; once no more is left than the end takes, the end is what comes.
/// </remarks>
internal sealed class ClosingBudget
{
    private readonly TokenConstraint _constraint;
    private int _left;
    private IReadOnlyList<int>? _end;                   // null until it is asked for
    private (int Tokens, IReadOnlyList<int> End)? _ahead;                       // behind what was allowed last, which comes next

    /// <param name="constraint">What binds the answer; it accepts each token before <see cref="Take"/> counts it.</param>
    /// <param name="tokens">The budget.</param>
    /// <exception cref="BudgetException">Not even the shortest answer fits.</exception>
    internal ClosingBudget(TokenConstraint constraint, int tokens)
    {
        (_constraint, _left) = (constraint, tokens);
        if (End.Count > tokens)
            throw new BudgetException(End.Count, tokens);
    }

    /// <summary>The shortest end from here.</summary>
    internal IReadOnlyList<int> End => _end ??= _constraint.ShortestEnd();

    /// <summary>Whether the end has to begin now.</summary>
    internal bool IsDue => End.Count >= _left;

    /// <summary>Whether the answer can still be closed behind some tokens, which the constraint allows.</summary>
    internal bool Allows(IReadOnlyList<int> ids)
    {
        TokenConstraint behind = _constraint.Fork();
        foreach (int id in ids)
            behind.Accept(id);
        IReadOnlyList<int> end = behind.IsComplete ? [] : behind.ShortestEnd();
        bool fits = end.Count <= _left - ids.Count;
        _ahead = fits ? (ids.Count, end) : null;
        return fits;
    }

    /// <summary>Counts a token that the constraint has taken.</summary>
    internal void Take()
    {
        _left--;
        // What was allowed is taken whole, or not at all.
        _ahead = _ahead is { } ahead ? (ahead.Tokens - 1, ahead.End) : null;
        _end = _ahead is { Tokens: 0 } reached ? reached.End : null;
        if (_end is not null)
            _ahead = null;
    }
}
