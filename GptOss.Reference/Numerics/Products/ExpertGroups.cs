namespace GptOss.Reference.Numerics.Products;

/// <summary>Which activation rows meet which expert: a list of slots sorted by expert.</summary>
/// <remarks>A slot is a (token, rank) pair, numbered token · k + rank: the place of one expert's output for one token.</remarks>
internal sealed class ExpertGroups
{
    private int[] _slots = [], _starts = [];

    /// <summary>Experts that at least one token chose, ascending.</summary>
    internal List<int> Active { get; } = [];

    /// <summary>Number of slots.</summary>
    internal int Count { get; private set; }

    /// <summary>Groups the choices of all tokens; the slots of one expert are in ascending order.</summary>
    internal void Group(ReadOnlySpan<int> experts, int expertCount)
    {
        if (_slots.Length < experts.Length)
            _slots = new int[experts.Length];
        if (_starts.Length < expertCount + 1)
            _starts = new int[expertCount + 1];
        Count = experts.Length;
        Array.Clear(_starts);
        foreach (int expert in experts)
            _starts[expert + 1]++;
        Active.Clear();
        for (int e = 0; e < expertCount; e++)
        {
            if (_starts[e + 1] > 0)
                Active.Add(e);
            _starts[e + 1] += _starts[e];
        }
        for (int slot = 0; slot < experts.Length; slot++)
            _slots[_starts[experts[slot]]++] = slot;      // moves each start to its end …
        for (int e = expertCount; e > 0; e--)
            _starts[e] = _starts[e - 1];                  // … and back
        _starts[0] = 0;
    }

    /// <summary>The slots of one expert.</summary>
    internal ReadOnlySpan<int> SlotsOf(int expert) => _slots.AsSpan(_starts[expert], _starts[expert + 1] - _starts[expert]);
}
