namespace GptOss.Reference.Generation;

/// <summary>
/// How far ahead one continuation is guessed. A guess of k tokens is checked in one pass of k + 1 rows; each row that the guess led to rightly is a
/// token without a pass of its own. Whether that is faster depends on how often guesses are right and on what rows cost, and both are observed.
/// </summary>
/// <remarks>
/// Of guesses of a kind, a share p of tokens proves right, counted also where nothing is drafted; k tokens bring e_k = p + p² + … + p^k. With n
/// answers in the pass, k is chosen to make (n + e_k) / (n · cost) largest, and 0 where that is not above 1. A plain pass now and then keeps its
/// cost known, a drafted one that of the rows. Not thread-safe.
/// </remarks>
/// <param name="most">The most tokens of a guess.</param>
/// <param name="source">Where guesses come from.</param>
/// <param name="costs">What passes cost; null drafts whatever is guessed.</param>
internal sealed class Drafting(int most, DraftSource source, PassCosts? costs)
{
    /// <summary>The most tokens that can be asked for.</summary>
    internal const int Limit = 32;

    /// <summary>Kinds of guesses that are told apart.</summary>
    internal const int Kinds = 6;
    private const double LeastGain = 1.02, Forget = 0.97;
    private const int PlainEvery = 32, ProbeEvery = 64;

    private readonly double[] _right = new double[Kinds], _tried = new double[Kinds];
    private int _drafted, _declined;
    private bool _isOver;

    /// <summary>The most tokens of a guess.</summary>
    internal int Most => most;

    /// <summary>Guesses what follows.</summary>
    internal Draft Guess(ReadOnlySpan<int> known, Span<int> into) => _isOver ? default : source(known, into[..Math.Min(most, into.Length)]);

    /// <summary>How many tokens of a guess to feed.</summary>
    /// <param name="guess">The guess.</param>
    /// <param name="tokens">Tokens that the pass feeds anyway.</param>
    /// <param name="answers">Answers that the pass brings a token.</param>
    internal int Choose(Draft guess, int tokens, int answers)
    {
        if (guess.Count == 0 || costs is null)
            return guess.Count;
        if (!costs.Knows(tokens))
            return 0;
        double p = (_right[guess.Kind] + 1) / (_tried[guess.Kind] + 2), reached = 1, expected = 0, bestGain = LeastGain;
        int best = 0;
        for (int k = 1; k <= guess.Count; k++)
        {
            expected += reached *= p;
            double gain = (answers + expected) / (answers * costs.Ratio(tokens, k));
            if (gain > bestGain)
                (best, bestGain) = (k, gain);
        }
        if (best > 0)
            return ++_drafted % PlainEvery == 0 ? 0 : best;
        return p > 0.5 && ++_declined % ProbeEvery == 0 ? Math.Min(2, guess.Count) : 0;
    }

    /// <summary>Learns whether a guessed token was the one.</summary>
    internal void Judge(int kind, bool isRight)
    {
        _tried[kind] = Forget * _tried[kind] + 1;
        _right[kind] = Forget * _right[kind] + (isRight ? 1 : 0);
    }

    /// <summary>Learns what a pass took.</summary>
    internal void Observe(int tokens, int guessed, double seconds) => costs?.Observe(tokens, guessed, seconds);

    /// <summary>Guesses no more: what only wrong guesses meet, such as a damaged expert, must not be met again and again.</summary>
    internal void Stop() => _isOver = true;
}
