using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Reference.Oracle.Diff;

/// <summary>One number that an engine listed for a token at a position, and the reference's.</summary>
internal readonly record struct ListedElement(int Position, int Id, double Reference, double Candidate)
{
    internal double Error
    {
        get
        {
            if (Reference.Equals(Candidate))
                return 0;
            return double.IsFinite(Reference) && double.IsFinite(Candidate) ? Math.Abs(Reference - Candidate) : double.PositiveInfinity;
        }
    }
}

/// <summary>The logits that a list of log-probabilities or choices is held to: their positions and budgets.</summary>
internal sealed class ReferenceLogits
{
    private const int WorstShown = 5;
    private static readonly StageKey Logits = new(Stage.Logits, -1);

    private readonly Dump _dump;
    private readonly StageTensor _logits;
    private readonly DiffOptions _options;
    private readonly IReadOnlyList<int> _positions;
    private readonly Precision _precision;
    private readonly Func<int, double>? _budget;
    private readonly Dictionary<int, int> _rows;

    internal ReferenceLogits(Dump dump, DiffOptions options)
    {
        (_dump, _options) = (dump, options);
        GptOssConfig? config = options.Config ?? TraceDiff.ConfigOf(dump);
        _logits = LogitsOf(dump, options, config);
        _positions = dump.Positions ?? AssumedPositions();
        _rows = RowPositions.RowsOf(_logits, dump, _positions)
            ?? throw new CheckpointFormatException(dump.Path, "dump-positions", $"logits have {_logits.Rows} rows, and there are {_positions.Count} positions.");
        _precision = options.Precision ?? dump.Precision ?? (_logits.HoldsBfloat16() ? Precision.Bfloat16 : Precision.Float32);
        _budget = new DiffBudgets(options.Budgets ?? dump.Pack?.Budgets ?? Budgets.Published, _precision, config, [Logits], Notes).Of(Logits);
    }

    internal List<string> Notes { get; } = [];

    /// <summary>Position, row and entry of what is compared.</summary>
    internal List<(int Position, int Row, int Entry)> PositionsOf(string path, int entries, IReadOnlyList<int>? chosen)
    {
        IReadOnlyList<int> owners = Owners(path, entries, chosen);
        var found = new List<(int Position, int Row, int Entry)>();
        for (int entry = 0; entry < entries; entry++)
        {
            if (_rows.TryGetValue(owners[entry], out int row) && IsAsked(owners[entry]))
                found.Add((owners[entry], row, entry));
        }
        if (found.Count == 0)
            throw new CheckpointFormatException(path, "dump-positions", "none of its entries is of a position of the reference.");
        bool isLastOnly = _options.Positions is { List: null };
        return isLastOnly ? [found[^1]] : found;
    }

    internal double[] Read(int row)
    {
        double[] logits = new double[_logits.Width];
        _logits.Read(row, logits);
        return logits;
    }

    /// <summary>The comparison of a list as one stage.</summary>
    /// <param name="name">What the stage is called.</param>
    /// <param name="elements">What was compared, by position.</param>
    /// <param name="times">How many budgets of the logits an element may take.</param>
    /// <param name="rows">Positions compared.</param>
    internal TraceDifference Difference(string name, List<ListedElement> elements, double times, int rows)
    {
        double rms = RootMeanSquare();
        ListedElement[] differing = [.. elements.Where(element => element.Error > 0)];
        ListedElement[] worst = [.. differing.OrderByDescending(element => element.Error)];
        int? firstOver = null;
        foreach (ListedElement element in elements)
        {
            if (_budget is not null && element.Error / rms > times * _budget(element.Position))
                firstOver ??= element.Position;
        }
        double max = worst.Length > 0 ? worst[0].Error : 0;
        double squares = differing.Where(element => double.IsFinite(element.Error)).Sum(element => element.Error * element.Error);
        StageDifference stage = new()
        {
            Stage = name,
            Rows = rows,
            Max = max,
            Rms = elements.Count == 0 ? 0 : Math.Sqrt(squares / elements.Count),
            Relative = max == 0 ? 0 : max / rms,
            Budget = times * _budget?.Invoke(worst.Length > 0 ? worst[0].Position : _positions[^1]),
            FirstDifference = differing.Length > 0 ? Place(differing[0]) : null,
            FirstOverBudget = firstOver is null ? null : Place(worst.First(element => element.Position == firstOver)),
            Worst = [.. worst.Take(WorstShown).Select(e => new DifferingElement(Place(e), $"token {e.Id}", e.Reference, e.Candidate))],
        };
        return new(_precision, [stage], [], Notes);

        TracePlace Place(ListedElement element) => new(name, element.Position, [element.Id]);
    }

    private static StageTensor LogitsOf(Dump dump, DiffOptions options, GptOssConfig? config)
    {
        string? why = "it is not there";
        if (options.Map.Resolve(dump).Stages.TryGetValue(Logits, out DumpTensor[]? parts) && StageTensor.Find(Logits, parts, config, out why) is { } logits)
            return logits;
        throw new CheckpointFormatException(dump.Path, "dump-logits", $"the stage logits cannot be used: {why}.");
    }

    /// <summary>Of a dump that does not state them: those that were asked for, the last of its ids, or all from 0.</summary>
    private IReadOnlyList<int> AssumedPositions()
    {
        if (_options.Positions is { List: { } asked } && asked.Count == _logits.Rows)
            return asked;
        return _dump.Ids is { } ids && _logits.Rows == 1 ? [ids.Count - 1] : [.. Enumerable.Range(0, _logits.Rows)];
    }

    private bool IsAsked(int position) => _options.Positions is not { List: { } list } || list.Contains(position);

    /// <summary>Over every row, not only those that are compared, so that budgets do not depend on the choice.</summary>
    private double RootMeanSquare()
    {
        double squares = 0;
        for (int row = 0; row < _logits.Rows; row++)
            squares += Read(row).Where(double.IsFinite).Sum(logit => logit * logit);
        return Math.Sqrt(squares / ((double)_logits.Rows * _logits.Width));
    }

    /// <summary>The position of each entry of a list.</summary>
    private IReadOnlyList<int> Owners(string path, int entries, IReadOnlyList<int>? chosen)
    {
        if (_options.Positions is { List: { } asked } && asked.Count == entries)
            return asked;
        // Choices that end the prompt were made before each of them.
        if (chosen is not null && _dump.Ids is { } ids && ids.Count > entries && ids.Skip(ids.Count - entries).SequenceEqual(chosen))
            return [.. Enumerable.Range(ids.Count - entries - 1, entries)];
        if (_dump.Ids?.Count == entries)
            return [.. Enumerable.Range(0, entries)];
        if (entries == _positions.Count)
            return _positions;
        string tokens = _dump.Ids is { } known ? $"{known.Count} tokens and " : "";
        throw new CheckpointFormatException(path, "dump-positions",
            $"there are {entries} entries, and the reference has {tokens}{_positions.Count} positions; name theirs with --positions.");
    }
}
