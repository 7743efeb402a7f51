using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Reference.Oracle.Diff;

/// <summary>One stage of a dump: the rows of a tensor, or of several side by side.</summary>
internal sealed class StageTensor
{
    private readonly DumpTensor[] _parts;

    private StageTensor(StageKey key, DumpTensor[] parts, IReadOnlyList<long> rowShape) =>
        (Key, _parts, RowShape, Rows, Width) = (key, parts, rowShape, parts[0].Rows, parts.Sum(part => part.Width));

    internal StageKey Key { get; }

    internal int Rows { get; }

    internal int Width { get; }

    /// <summary>What the elements of a row stand for: [heads, headDim] for rotated queries, for instance.</summary>
    internal IReadOnlyList<long> RowShape { get; }

    /// <summary>How its rows were found where they are not simply there, a sentence each without its end.</summary>
    internal IEnumerable<string> Layout => _parts.Select(part => part.Layout).OfType<string>();

    /// <summary>Columns beyond the vocabulary, which are not read.</summary>
    internal int Padding => _parts is [var only] ? only.Padding : 0;

    /// <summary>What its rows are, told by their values.</summary>
    internal LogitsKind KindOfLogits() => LogitsKinds.Of(Rows, Width, _parts[0].Type == DType.F16 || HoldsBfloat16(), Read);

    /// <summary>The type that its values are stored as.</summary>
    internal DType Type => _parts[0].Type;

    /// <summary>Finds the rows of a stage in its tensors.</summary>
    /// <param name="key">The stage.</param>
    /// <param name="parts">Its tensor, or those to be joined.</param>
    /// <param name="config">The model's numbers, which give every shape; null where they are unknown.</param>
    /// <param name="why">Why there are none; otherwise null.</param>
    internal static StageTensor? Find(StageKey key, DumpTensor[] parts, GptOssConfig? config, out string? why)
    {
        why = null;
        if (config is null || key.Layer < config.NumHiddenLayers)
            return Find(key, parts, i => RowShapeOf(key, parts, i, config), config, out why);
        why = $"the model has {config.NumHiddenLayers} layers";
        return null;
    }

    /// <summary>The same stage with rows of so many elements, as columns or with padding cut off; null where it does not hold such rows.</summary>
    internal StageTensor? WithWidth(int width) => _parts is [var only] ? Find(Key, [only], _ => [width], null, out _) : null;

    private static StageTensor? Find(StageKey key, DumpTensor[] parts, Func<int, IReadOnlyList<long>> rowShape, GptOssConfig? config, out string? why)
    {
        why = null;
        var rows = new DumpTensor[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            IReadOnlyList<long> shape = rowShape(i);
            if (parts[i].Rows == 0 || TensorLayout.Find(parts[i], shape, mayBePadded: key.Stage == Stage.Logits) is not { } found)
            {
                why = $"'{Printable.Clip(parts[i].Name)}' is {Printable.Shape(parts[i].Shape)}, which is not rows of {Printable.Shape(shape)}";
                return null;
            }
            rows[i] = found;
        }
        if (Array.Exists(rows, row => row.Rows != rows[0].Rows))
        {
            why = "its parts have different numbers of rows";
            return null;
        }
        return new(key, rows, rows.Length == 1 ? rows[0].RowShape : config is not null ? key.RowShape(config) : [rows.Sum(row => (long)row.Width)]);
    }

    internal bool HoldsBfloat16() => Array.TrueForAll(_parts, part => part.HoldsBfloat16());

    internal void Read(int row, Span<double> values)
    {
        foreach (DumpTensor part in _parts)
        {
            part.ReadRow(row, values[..part.Width]);
            values = values[part.Width..];
        }
    }

    internal int[] ReadIntegers(int row)
    {
        int[] values = new int[Width];
        int at = 0;
        foreach (DumpTensor part in _parts)
        {
            part.ReadIntegers(row, values.AsSpan(at, part.Width));
            at += part.Width;
        }
        return values;
    }

    /// <summary>
    /// The first element of a row whose bits differ from another's; −1 where none does. Of different types the widened values count, so that −0 is not +0 there either.
    /// </summary>
    internal int FirstDifference(int row, StageTensor other, int otherRow)
    {
        if (_parts is [var mine] && other._parts is [var theirs] && mine.Type == theirs.Type)
        {
            ReadOnlySpan<byte> bytes = mine.RawRow(row);
            int same = bytes.CommonPrefixLength(theirs.RawRow(otherRow));
            return same == bytes.Length ? -1 : same / DumpElements.Bytes(mine.Type);
        }
        double[] a = new double[Width], b = new double[Width];
        Read(row, a);
        other.Read(otherRow, b);
        for (int i = 0; i < a.Length; i++)
        {
            if (BitConverter.DoubleToInt64Bits(a[i]) != BitConverter.DoubleToInt64Bits(b[i]))
                return i;
        }
        return -1;
    }

    private static IReadOnlyList<long> RowShapeOf(StageKey key, DumpTensor[] parts, int part, GptOssConfig? config)
    {
        if (config is not null && parts.Length == 1)
            return key.RowShape(config);
        if (config is not null && key.Stage == Stage.Qkv && parts.Length == 3)
            return [part == 0 ? config.QuerySize : config.KeyValueSize];
        IReadOnlyList<long> shape = parts[part].Shape;
        int most = key.Stage is Stage.Query or Stage.Key or Stage.SwiGlu ? 2 : 1;
        return [.. shape.TakeLast(Math.Min(most, Math.Max(1, shape.Count - 1)))];
    }
}
