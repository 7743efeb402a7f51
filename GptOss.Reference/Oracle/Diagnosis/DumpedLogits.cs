using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Oracle.Diff;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Oracle.Traces;

namespace GptOss.Reference.Oracle.Diagnosis;

/// <summary>Whole rows of logits, or of the probabilities or log-probabilities that were made of them.</summary>
public sealed class DumpedLogits : DumpedRows
{
    private readonly string _path;
    private readonly DumpTensor _tensor;
    private readonly (int Row, int Position)[] _rows;
    private readonly LogitsReading _reading;
    private readonly string? _rowsNote;
    private bool _mayBeReread;

    private DumpedLogits(string path, DumpTensor tensor, ReadOnlyMemory<int> ids, (int Row, int Position)[] rows, string? rowsNote,
        LogitsReading reading)
        : base(ids, [.. rows.Select(row => row.Position)])
    {
        (_path, _tensor, _rows, _rowsNote, _reading) = (path, tensor, rows, rowsNote, reading);
    }

    /// <summary>Takes the logits of a dump, which stays open for as long as this is used.</summary>
    /// <param name="dump">The dump; its tensor <c>logits</c> or its only one.</param>
    /// <param name="vocabulary">What a row must have.</param>
    /// <param name="ids">The token ids that were read.</param>
    /// <param name="positions">The positions to compare, ascending; null for every row.</param>
    /// <param name="kind">What its rows hold, taken at its word; null to recognise it.</param>
    /// <exception cref="CheckpointFormatException">There are no logits, or not one row for each position.</exception>
    public static DumpedLogits Of(Dump dump, int vocabulary, ReadOnlyMemory<int> ids, IReadOnlyList<int>? positions = null, LogitsKind? kind = null)
    {
        ArgumentNullException.ThrowIfNull(dump);
        return With(dump, dump.Logits(vocabulary), ids, positions, kind);
    }

    /// <summary>The same of a dump of stages, whose logits may have another program's name for them.</summary>
    /// <inheritdoc cref="Of" path="/param"/>
    /// <inheritdoc cref="Of" path="/exception"/>
    public static DumpedLogits OfStages(Dump dump, int vocabulary, ReadOnlyMemory<int> ids, IReadOnlyList<int>? positions = null,
        LogitsKind? kind = null)
    {
        ArgumentNullException.ThrowIfNull(dump);
        return StageMap.BuiltIn.Resolve(dump).Stages.GetValueOrDefault(new(Stage.Logits, -1)) is [var tensor]
            ? With(dump, TensorLayout.Find(tensor, [vocabulary], mayBePadded: true) ?? tensor.WithRowsOf([vocabulary]), ids, positions, kind)
            : Of(dump, vocabulary, ids, positions, kind);
    }

    /// <inheritdoc/>
    public override bool HoldsBfloat16 => _tensor.HoldsBfloat16();

    /// <inheritdoc/>
    public override IEnumerable<string> Readings =>
        ((string?[])[_tensor.Layout, _rowsNote, _reading.Words() is { } words ? $"its logits are {words}" : null]).OfType<string>();

    internal override int LogitsPerNumber => _reading.LogitsPerNumber;

    internal override bool MayBeReread => _mayBeReread;

    internal override int WidthOf(int row) => _tensor.Width;

    /// <summary>Reads the rows in the way that agrees best with the sound model's, which are run for the positions and their neighbours.</summary>
    internal override DumpedRows Reread(Transformer sound, CancellationToken cancellation)
    {
        Dictionary<int, int> rowAt = _rows.ToDictionary(row => row.Position, row => row.Row);
        int[] near = [.. _rows.SelectMany(row => ReadingSearch.Shifts.Select(shift => row.Position + shift)).Where(p => p >= 0 && p < Ids.Length)
            .Distinct().Order()];
        var search = new ReadingSearch(_reading);
        double[] reference = new double[_tensor.Width], dumped = new double[_tensor.Width];
        PromptPass.Run(sound, Ids, near, (index, logits) =>
        {
            foreach (int shift in ReadingSearch.Shifts)
            {
                if (!rowAt.TryGetValue(near[index] - shift, out int row))
                    continue;
                for (int i = 0; i < reference.Length; i++)
                    reference[i] = logits[i];
                _tensor.ReadRow(row, dumped);
                search.Add(shift, reference, dumped);
            }
        }, cancellation);
        LogitsReading reading = search.Best();
        if (reading == _reading)
            return this;
        (int, int)[] moved =
            [.. _rows.Select(row => (row.Row, Position: row.Position + reading.Shift)).Where(row => row.Position >= 0 && row.Position < Ids.Length)];
        return new DumpedLogits(_path, _tensor, Ids, moved, _rowsNote, reading);
    }

    internal override void Read(int row, Span<double> dumped)
    {
        _tensor.ReadRow(_rows[row].Row, dumped);
        for (int i = 0; i < dumped.Length; i++)
        {
            // A probability may have become 0, and its logarithm −∞.
            if (double.IsNaN(dumped[i]) || double.IsPositiveInfinity(dumped[i])
                || double.IsNegativeInfinity(dumped[i]) && _reading.Kind != LogitsKind.LogProbabilities)
            {
                throw new CheckpointFormatException(_path, "dump-number",
                    $"the logit of id {i} at position {Positions[row]} is {dumped[i]}; expected numbers (activations of gpt-oss overflow float16).");
            }
        }
    }

    internal override void Compare(int row, ReadOnlySpan<float> logits, Span<double> dumped, Span<double> ours)
    {
        for (int i = 0; i < logits.Length; i++)
            ours[i] = logits[i];
        _reading.Apply(ours, dumped);
    }

    private static DumpedLogits With(Dump dump, DumpTensor tensor, ReadOnlyMemory<int> ids, IReadOnlyList<int>? positions, LogitsKind? kind)
    {
        LogitsKind recognised = kind ?? LogitsKinds.Of(tensor);
        string? note = dump.Positions is null && positions is null && tensor.Rows == ids.Length - 1
            ? $"it has {tensor.Rows} rows for {ids.Length} tokens, taken for all but the last" : null;
        (int, int)[] rows = [.. RowAlignment.Of(dump.Path, tensor.Rows, ids.Length, dump.Positions, positions)];
        return new(dump.Path, tensor, ids, rows, note, new(recognised, tensor.Type)) { _mayBeReread = kind is null };
    }
}
