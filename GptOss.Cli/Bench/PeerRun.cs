namespace GptOss.Cli.Bench;

/// <summary>One test of another engine.</summary>
/// <param name="Kind"><c>prefill</c> or <c>decode</c>.</param>
/// <param name="Tokens">Tokens that the time is for.</param>
/// <param name="Context">Cached positions before the first of them.</param>
/// <param name="TokensPerSecond">The mean of its repetitions.</param>
/// <param name="Deviation">Their standard deviation.</param>
internal sealed record PeerRun(string Kind, int Tokens, int Context, double TokensPerSecond, double Deviation)
{
    /// <summary>Positions up to which decoding counts as decoding from nothing, which is where llama-bench decodes by default.</summary>
    private const int FewPositions = 16;

    /// <summary>Whether one of our runs did the same: a prompt of as many tokens, or decoding after as many.</summary>
    internal bool IsLike(BenchRun run) =>
        run.Kind == Kind && (Kind == "prefill" ? run.Tokens == Tokens && run.Context == Context
            : run.Context == Context || (Context == 0 && run.Context <= FewPositions));
}
