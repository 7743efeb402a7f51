using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Reference.Oracle.Traces;

/// <summary>Keeps the rows of chosen positions of chosen stages, in memory or wherever a subclass puts them.</summary>
internal abstract class TraceRecorder(IReadOnlyList<int> positions, IReadOnlySet<StageKey> wanted)
{
    private readonly int[] _positions = [.. positions];

    internal void Observe(StageKey key, ReadOnlySpan<RowOrigin> origins, Rows values)
    {
        if (!wanted.Contains(key))
            return;
        for (int i = 0; i < origins.Length; i++)
        {
            if (RowOf(origins[i].Position) is >= 0 and int row)
                Keep(key, row, values[i]);
        }
    }

    internal void Observe(StageKey key, ReadOnlySpan<RowOrigin> origins, ReadOnlySpan<int> experts, int perToken)
    {
        if (!wanted.Contains(key))
            return;
        for (int i = 0; i < origins.Length; i++)
        {
            if (RowOf(origins[i].Position) is >= 0 and int row)
                Keep(key, row, experts.Slice(i * perToken, perToken));
        }
    }

    protected abstract void Keep(StageKey key, int row, ReadOnlySpan<float> values);

    protected abstract void Keep(StageKey key, int row, ReadOnlySpan<int> experts);

    private int RowOf(int position) => Array.BinarySearch(_positions, position);
}

/// <summary>Keeps rows in memory.</summary>
internal sealed class MemoryRecorder(IReadOnlyList<int> positions, IReadOnlyDictionary<StageKey, StageRows> stages)
    : TraceRecorder(positions, stages.Keys.ToHashSet())
{
    protected override void Keep(StageKey key, int row, ReadOnlySpan<float> values) =>
        values.CopyTo(stages[key].Values.AsSpan(row * values.Length));

    protected override void Keep(StageKey key, int row, ReadOnlySpan<int> experts) =>
        experts.CopyTo(stages[key].ExpertNumbers.AsSpan(row * experts.Length));
}
