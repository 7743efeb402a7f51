namespace GptOss.Reference.Generation;

/// <summary>How a continuation chooses from a row: penalties change the logits, a constraint masks them, the sampler draws.</summary>
/// <param name="options">Sampling and penalties.</param>
/// <param name="constraint">The continuation's constraint; null for none.</param>
internal sealed class TokenChoice(GenerationOptions options, TokenConstraint? constraint)
{
    private readonly Sampler _sampler = new();
    private readonly Dictionary<int, int>? _counts = options.Penalties is null ? null : [];
    private float[] _changed = [];
    private ulong[] _allowed = [];

    /// <summary>The token at a position; null if all that the constraint allows is refused.</summary>
    /// <param name="row">The logits.</param>
    /// <param name="position">Of the token, which numbers the draw.</param>
    /// <param name="refused">Tokens that are not to be chosen, though the constraint allows them.</param>
    /// <exception cref="LogitsException">The row holds a NaN, or nothing above −∞ that is allowed.</exception>
    internal int? Of(ReadOnlySpan<float> row, long position, IReadOnlyList<int> refused)
    {
        if (options.Penalties is { } penalties)
        {
            if (_changed.Length < row.Length)
                _changed = new float[row.Length];
            row.CopyTo(_changed);
            penalties.Apply(_changed.AsSpan(0, row.Length), _counts!);
            row = _changed.AsSpan(0, row.Length);
        }
        if (constraint is null)
            return _sampler.Choose(row, options.Sampling, position);
        if (_allowed.Length == 0)
            _allowed = new ulong[TokenConstraint.MaskWords(row.Length)];
        if (!constraint.Fill(_allowed))
        {
            if (refused.Count == 0)
                return _sampler.Choose(row, options.Sampling, position);
            _allowed.AsSpan().Fill(ulong.MaxValue);
        }
        foreach (int id in refused)
            _allowed[id / 64] &= ~(1UL << id);
        return refused.Count > 0 && !_allowed.AsSpan().ContainsAnyExcept(0UL) ? null
            : _sampler.Choose(row, options.Sampling, position, _allowed);
    }

    /// <summary>Counts a token that was decided.</summary>
    internal void Count(int id)
    {
        if (_counts is not null)
            _counts[id] = _counts.GetValueOrDefault(id) + 1;
    }
}
