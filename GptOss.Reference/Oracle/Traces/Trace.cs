using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Reference.Oracle.Traces;

/// <summary>Values of one stage, one row a position, widened to float32; expert numbers where the stage holds those.</summary>
public sealed class StageRows
{
    internal StageRows(StageKey key, int count, int width)
    {
        (Key, Count, Width) = (key, count, width);
        Values = key.IsExperts ? [] : new float[checked(count * width)];
        ExpertNumbers = key.IsExperts ? new int[checked(count * width)] : [];
    }

    /// <summary>Which stage.</summary>
    public StageKey Key { get; }

    /// <summary>Rows.</summary>
    public int Count { get; }

    /// <summary>Elements of a row.</summary>
    public int Width { get; }

    internal float[] Values { get; }

    internal int[] ExpertNumbers { get; }

    /// <summary>The values of one row; empty for expert numbers.</summary>
    public ReadOnlySpan<float> this[int row] => Key.IsExperts ? [] : Values.AsSpan(row * Width, Width);

    /// <summary>The chosen experts of one row, best first; empty for values.</summary>
    public ReadOnlySpan<int> Experts(int row) => Key.IsExperts ? ExpertNumbers.AsSpan(row * Width, Width) : [];

    /// <summary>√(mean of the squares), in double.</summary>
    public double RootMeanSquare => RootMeanSquareOf(Values);

    internal static double RootMeanSquareOf(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values)
            sum += (double)value * value;
        return values.IsEmpty ? 0 : Math.Sqrt(sum / values.Length);
    }
}

/// <summary>Stages of one forward pass at chosen positions: recorded now, or read from a pack.</summary>
public sealed class Trace
{
    private readonly Dictionary<StageKey, StageRows> _byKey;

    internal Trace(Precision precision, IReadOnlyList<int> positions, IReadOnlyList<StageRows> stages, string? logitsHash)
    {
        (Precision, Positions, Stages, LogitsHash) = (precision, positions, stages, logitsHash);
        _byKey = stages.ToDictionary(stage => stage.Key);
    }

    /// <summary>Where values were rounded.</summary>
    public Precision Precision { get; }

    /// <summary>The position of each row, ascending.</summary>
    public IReadOnlyList<int> Positions { get; }

    /// <summary>The stages, in forward order.</summary>
    public IReadOnlyList<StageRows> Stages { get; }

    /// <summary>Hash of the logits rows of <see cref="Positions"/>; null where it was not recorded.</summary>
    public string? LogitsHash { get; }

    /// <summary>A stage, or null where the trace does not hold it.</summary>
    public StageRows? Find(StageKey key) => _byKey.GetValueOrDefault(key);
}
