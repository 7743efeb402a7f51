using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Oracle.Diff;
using GptOss.Reference.Oracle.Dumps;

namespace GptOss.Reference.Oracle.Diagnosis;

/// <summary>Whole rows of logits.</summary>
public sealed class DumpedLogits : DumpedRows
{
    private readonly string _path;
    private readonly DumpTensor _tensor;
    private readonly int[] _rows;

    private DumpedLogits(string path, DumpTensor tensor, ReadOnlyMemory<int> ids, IReadOnlyList<(int Row, int Position)> rows)
        : base(ids, [.. rows.Select(row => row.Position)])
    {
        (_path, _tensor) = (path, tensor);
        _rows = [.. rows.Select(row => row.Row)];
    }

    /// <summary>Takes the logits of a dump, which stays open for as long as this is used.</summary>
    /// <param name="dump">The dump; its tensor <c>logits</c> or its only one.</param>
    /// <param name="vocabulary">What a row must have.</param>
    /// <param name="ids">The token ids that were read.</param>
    /// <param name="positions">The positions to compare, ascending; null for every row.</param>
    /// <exception cref="CheckpointFormatException">There are no logits, or not one row for each position.</exception>
    public static DumpedLogits Of(Dump dump, int vocabulary, ReadOnlyMemory<int> ids, IReadOnlyList<int>? positions = null)
    {
        ArgumentNullException.ThrowIfNull(dump);
        return With(dump, dump.Logits(vocabulary), ids, positions);
    }

    /// <summary>The same of a dump of stages, whose logits may have another program's name for them.</summary>
    /// <inheritdoc cref="Of" path="/param"/>
    /// <inheritdoc cref="Of" path="/exception"/>
    public static DumpedLogits OfStages(Dump dump, int vocabulary, ReadOnlyMemory<int> ids, IReadOnlyList<int>? positions = null)
    {
        ArgumentNullException.ThrowIfNull(dump);
        return StageMap.BuiltIn.Resolve(dump).Stages.GetValueOrDefault(new(Stage.Logits, -1)) is [var tensor]
            ? With(dump, tensor.WithRowsOf([vocabulary]), ids, positions) : Of(dump, vocabulary, ids, positions);
    }

    /// <inheritdoc/>
    public override bool HoldsBfloat16 => _tensor.HoldsBfloat16();

    internal override int WidthOf(int row) => _tensor.Width;

    internal override void Read(int row, Span<double> dumped)
    {
        _tensor.ReadRow(_rows[row], dumped);
        for (int i = 0; i < dumped.Length; i++)
        {
            if (!double.IsFinite(dumped[i]))
            {
                throw new CheckpointFormatException(_path, "dump-number",
                    $"the logit of id {i} at position {Positions[row]} is {dumped[i]}; expected numbers (activations of gpt-oss overflow float16).");
            }
        }
    }

    internal override void Derive(int row, ReadOnlySpan<float> logits, Span<double> ours)
    {
        for (int i = 0; i < logits.Length; i++)
            ours[i] = logits[i];
    }

    private static DumpedLogits With(Dump dump, DumpTensor tensor, ReadOnlyMemory<int> ids, IReadOnlyList<int>? positions) =>
        new(dump.Path, tensor, ids, RowAlignment.Of(dump.Path, tensor.Rows, ids.Length, dump.Positions, positions));
}
