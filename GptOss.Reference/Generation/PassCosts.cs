namespace GptOss.Reference.Generation;

/// <summary>How long passes take, as they were observed: those of n tokens, and what each token that is only guessed adds to them.</summary>
/// <remarks>
/// A pass over n rows reads the dense weights once, but more experts and cache, and computes n times as much; what that costs depends on model,
/// machine, profile and neighbours, so it is measured where it is used. Averages forget: each new observation has a fifth of the weight.
/// Not thread-safe.
/// </remarks>
internal sealed class PassCosts
{
    /// <summary>Passes of more tokens are not told apart: nothing is guessed there.</summary>
    internal const int MostTokens = 64;

    /// <summary>What a guessed token adds to the pass of one token, before it was measured.</summary>
    internal const double FirstShare = 0.3;
    private const double Weight = 0.2;
    private const double MostTimes = 4;                     // what takes longer was another program's doing
    private const int Enough = 2;                           // the first pass after a prompt is often slower than those that follow

    private readonly double[] _plain = new double[MostTokens + 1], _added = new double[MostTokens + 1];
    private readonly int[] _plainCount = new int[MostTokens + 1], _addedCount = new int[MostTokens + 1];

    /// <summary>Whether plain passes of so many tokens have been observed.</summary>
    internal bool Knows(int tokens) => tokens is >= 1 and <= MostTokens && _plainCount[tokens] >= Enough;

    /// <summary>Takes a pass into account.</summary>
    /// <param name="tokens">Tokens that had to be fed.</param>
    /// <param name="guessed">Tokens that were guessed, behind them.</param>
    /// <param name="seconds">How long it took.</param>
    internal void Observe(int tokens, int guessed, double seconds)
    {
        if (tokens is < 1 or > MostTokens)
            return;
        if (guessed == 0)
        {
            Mix(ref _plain[tokens], ref _plainCount[tokens], seconds);
        }
        else if (Knows(tokens))
        {
            double added = Math.Clamp(seconds - _plain[tokens], 0, MostTimes * guessed * _plain[tokens]);
            Mix(ref _added[tokens], ref _addedCount[tokens], added / guessed);
        }
    }

    /// <summary>How many times as long as a plain pass of so many tokens one takes that also has guessed ones.</summary>
    internal double Ratio(int tokens, int guessed)
    {
        double added = _addedCount[tokens] > 0 ? _added[tokens] / _plain[tokens] : FirstShare / tokens;
        return 1 + guessed * added;
    }

    private static void Mix(ref double average, ref int count, double observed)
    {
        average = count == 0 ? observed : average + Weight * (observed - average);
        count++;
    }
}
