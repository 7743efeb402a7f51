using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Reference.Oracle.Diff;

/// <summary>One comparison of two dumps: finds their stages, aligns their rows, and measures each stage in forward order.</summary>
internal sealed class TraceComparison(Dump a, Dump b, DiffOptions options, CancellationToken cancellation)
{
    private readonly List<NotCompared> _not = [];
    private readonly HashSet<string> _named = [];
    private readonly List<string> _notes = [], _readings = [];
    private readonly List<StageDifference> _done = [];
    private readonly GptOssConfig? _config = options.Config ?? TraceDiff.ConfigOf(a, b);
    private readonly PromptDifference? _prompts = PromptDifference.Of(a.Ids, b.Ids);
    private int _shift;

    internal TraceDifference Run()
    {
        CompareManifests();
        if (_prompts is { Position: 0 })
            return new(options.Precision ?? Precision.Float32, [], _not, _notes) { Prompts = _prompts };
        Dictionary<StageKey, StageTensor> left = StagesOf(a, "A", out List<string> unknownA), right = StagesOf(b, "B", out List<string> unknownB);
        if (options.Stages == StageFilter.All)
            CompareUnknown(unknownA, unknownB);
        if (left.Count == 0 || right.Count == 0)
            return Nothing(left, right);
        MatchWidths(left, right);
        (IReadOnlyList<int> positionsA, IReadOnlyList<int> positionsB) =
            RowPositions.Of((a, left.Values.Max(stage => stage.Rows)), (b, right.Values.Max(stage => stage.Rows)), options.Positions, _notes);
        int[] common = [.. RowPositions.InCommon(positionsA, positionsB, options.Positions).Where(ReadsTheSame)];
        ComparePositions(positionsA, positionsB, common);

        Precision precision = options.Precision ?? (a.Precision == Precision.Fast || b.Precision == Precision.Fast ? Precision.Fast
            : IsBfloat16(a) || IsBfloat16(b) ? Precision.Bfloat16 : Precision.Float32);
        var budgets = new DiffBudgets(options.Budgets ?? a.Pack?.Budgets ?? Budgets.Published, precision, _config,
            left.Keys.Concat(right.Keys), _notes);
        var pairs = new Dictionary<StageKey, StagePair>();
        foreach (StageKey key in left.Keys.Union(right.Keys).OrderBy(DiffBudgets.ForwardOrder))
        {
            if (Pair(key, left, right, positionsA, positionsB, common, budgets) is { } pair)
                pairs.Add(key, pair);
        }
        var ties = new HashSet<int>();
        foreach ((StageKey key, StagePair pair) in pairs)
            _done.Add(key.IsExperts ? Experts(Moved(pair), pairs, left, right, ties) : Values(pair, pairs, ties));
        foreach (StageDifference stage in _done.Where(stage => stage.NearTies.Count > 0))
        {
            _notes.Add($"{stage.Stage}: a near tie at {List(stage.NearTies)}; nothing later of {(stage.NearTies.Count == 1 ? "it" : "them")} is " +
                $"held to a budget.");
        }
        return new(precision, _done, _not, _notes) { Prompts = _prompts, Readings = _readings };
    }

    private Dictionary<StageKey, StageTensor> StagesOf(Dump dump, string side, out List<string> unknown)
    {
        var stages = new Dictionary<StageKey, StageTensor>();
        foreach (UnreadMember member in dump.Unread.Where(member => options.Stages.Matches(StageOf(member.Name))))
            Not(StageOf(member.Name), $"in {side}, it {member.Reason}");
        (Dictionary<StageKey, DumpTensor[]> found, unknown) = options.Map.Resolve(dump);
        foreach ((StageKey key, DumpTensor[] parts) in found)
        {
            if (!options.Stages.Matches(key.Name))
                continue;
            if (StageTensor.Find(key, parts, _config, out string? why) is { } stage)
                Add(stages, stage, side);
            else
                Not(key.Name, $"in {side}, {why}");
        }
        return stages;
    }

    /// <summary>The stage of that name, or the name where it is not one.</summary>
    private string StageOf(string name) => options.Map.Find(name) is { } found ? found.Key.Name : Printable.Clip(name);

    private void Add(Dictionary<StageKey, StageTensor> stages, StageTensor stage, string side)
    {
        stages[stage.Key] = stage;
        _readings.AddRange(stage.Layout.Select(how => $"In {side}, {how}."));
        if (stage.Padding > 0)
            Not($"{stage.Key.Name}, padding", $"{stage.Padding} columns beyond the vocabulary in {side}");
    }

    /// <summary>Where no configuration gives the widths, one side's rows say how the other's may be found.</summary>
    private void MatchWidths(Dictionary<StageKey, StageTensor> left, Dictionary<StageKey, StageTensor> right)
    {
        foreach (StageKey key in left.Keys.Intersect(right.Keys).Where(key => left[key].Width != right[key].Width).ToArray())
        {
            if (right[key].WithWidth(left[key].Width) is { } theirs)
                Add(right, theirs, "B");
            else if (left[key].WithWidth(right[key].Width) is { } mine)
                Add(left, mine, "A");
        }
    }

    /// <summary>Tensors that are not stages: those that both sides have with the same bits need no mention.</summary>
    private void CompareUnknown(List<string> unknownA, List<string> unknownB)
    {
        foreach (string name in unknownA.Union(unknownB))
        {
            bool inA = a.TryGet(name, out DumpTensor? mine), inB = b.TryGet(name, out DumpTensor? theirs);
            if (inA && inB && !mine!.HasSameBits(theirs!))
                Not(Printable.Clip(name), "not a stage, and not the same in both");
            else if (inA != inB && (inA ? a : b).Pack?.Defects.Contains(name) != true)      // recorded mistakes have no counterpart
                Not(Printable.Clip(name), $"not a stage, only in {(inA ? "A" : "B")}; --map can name it");
        }
    }

    private void Not(string name, string reason)
    {
        _named.Add(name);
        _not.Add(new(name, reason));
    }

    private StagePair? Pair(StageKey key, Dictionary<StageKey, StageTensor> left, Dictionary<StageKey, StageTensor> right,
        IReadOnlyList<int> positionsA,
        IReadOnlyList<int> positionsB, int[] common, DiffBudgets budgets)
    {
        if (!left.TryGetValue(key, out StageTensor? mine) || !right.TryGetValue(key, out StageTensor? theirs))
        {
            AddMissing(key, left);
            return null;
        }
        if (mine.Width != theirs.Width)
            return Lacking($"rows of {Printable.Shape(mine.RowShape)} in A and {Printable.Shape(theirs.RowShape)} in B");
        if (RowPositions.RowsOf(mine, a, positionsA) is not { } rowsA)
            return Lacking($"{mine.Rows} rows in A, which has {positionsA.Count} positions");
        if (RowPositions.RowsOf(theirs, b, positionsB) is not { } rowsB)
            return Lacking($"{theirs.Rows} rows in B, which has {positionsB.Count} positions");
        (int, int, int)[] rows = [.. common.Where(p => rowsA.ContainsKey(p) && rowsB.ContainsKey(p)).Select(p => (p, rowsA[p], rowsB[p]))];
        if (rows.Length == 0 && options.Positions is null && rowsA.Keys.Intersect(rowsB.Keys).Where(ReadsTheSame).Order()
            .ToArray() is { Length: > 0 } single)
        {
            rows = [.. single.Select(p => (p, rowsA[p], rowsB[p]))];
        }
        if (rows.Length == 0)
            return Lacking("no position in common");
        LogitsReading reading = key.Stage == Stage.Logits
            ? new(options.As ?? theirs.KindOfLogits(), theirs.Type) { ReferenceKind = mine.KindOfLogits() } : new(LogitsKind.Logits, theirs.Type);
        return new(mine, theirs, rows, budgets.Of(key)) { Reading = reading, RowsOfReference = rowsA };

        StagePair? Lacking(string reason)
        {
            Not(key.Name, reason);
            return null;
        }
    }

    /// <summary>Whether both sides read the same ids up to a position.</summary>
    private bool ReadsTheSame(int position) => _prompts is null || position < _prompts.Position;

    /// <summary>Says that one side lacks a stage, unless it is there in a shape that cannot be.</summary>
    private void AddMissing(StageKey key, Dictionary<StageKey, StageTensor> left)
    {
        if (!_named.Contains(key.Name))
            Not(key.Name, left.ContainsKey(key) ? "not in B" : "not in A");
    }

    /// <summary>Measures a stage as it is; where that is over its budget and another reading of it agrees, measures that reading.</summary>
    private StageDifference Values(StagePair pair, Dictionary<StageKey, StagePair> pairs, HashSet<int> ties)
    {
        StageDifference difference = Measure(pair);
        if (difference.IsOverBudget && options.As is null && Reread(pair) is { } other)
        {
            pair = other;
            difference = Measure(pair);
        }
        if (pair.Reading.Words() is { } words)
            _readings.Add($"In B, {pair.Name} {(pair.Name.EndsWith('s') ? "are" : "is")} {words}.");
        return difference;

        StageDifference Measure(StagePair pair)
        {
            StagePair? experts = pairs.GetValueOrDefault(new(Stage.Experts, pair.Reference.Key.Layer));
            return new ValueComparison(pair, _config, position => RowAt(experts, position) is { } row ? experts!.Reference.ReadIntegers(row) : null)
                .Run(ties, cancellation);
        }
    }

    /// <summary>Another reading of a stage that the reference's rows agree with; null where there is none.</summary>
    private StagePair? Reread(StagePair pair)
    {
        var search = new ReadingSearch(pair.Reading);
        double[] reference = new double[pair.Reference.Width], dumped = new double[reference.Length];
        foreach (int shift in ReadingSearch.Shifts)
        {
            foreach ((int _, int rowA, int rowB) in pair.Moved(shift).Rows)
            {
                cancellation.ThrowIfCancellationRequested();
                pair.Reference.Read(rowA, reference);
                pair.Candidate.Read(rowB, dumped);
                search.Add(shift, reference, dumped);
            }
        }
        LogitsReading reading = pair.Reference.Key.Stage == Stage.Logits ? search.Best() : pair.Reading with { Shift = search.Shift() };
        if (reading == pair.Reading)
            return null;
        _shift = reading.Shift;
        StagePair moved = pair.Moved(reading.Shift) with { Reading = reading };
        if (moved.Rows.Count < pair.Rows.Count)
        {
            Not($"{pair.Name}, {List([.. pair.Rows.Select(row => row.Position).Except(moved.Rows.Select(row => row.Position))])}",
                "no row of B belongs there");
        }
        return moved;
    }

    /// <summary>A stage that cannot tell by itself moves with those before it.</summary>
    private StagePair Moved(StagePair pair) => pair.Moved(_shift);

    private static StageDifference Experts(StagePair pair, Dictionary<StageKey, StagePair> pairs, Dictionary<StageKey, StageTensor> left,
        Dictionary<StageKey, StageTensor> right, HashSet<int> ties)
    {
        StageKey key = new(Stage.Router, pair.Reference.Key.Layer);
        StageTensor? router = left.GetValueOrDefault(key) ?? right.GetValueOrDefault(key);
        bool isReference = left.ContainsKey(key);
        bool fits = router is not null && router.Rows == (isReference ? pair.Reference : pair.Candidate).Rows;
        double squares = 0;
        double[] row = new double[router?.Width ?? 0];
        for (int i = 0; fits && i < router!.Rows; i++)
        {
            router.Read(i, row);
            squares += row.Sum(value => value * value);
        }
        double rms = fits ? Math.Sqrt(squares / ((double)router!.Rows * router.Width)) : 1;
        return ExpertComparison.Run(pair, Logits, rms, ties);

        double[]? Logits(int rowA, int rowB)
        {
            if (!fits)
                return null;
            double[] logits = new double[router!.Width];
            router.Read(isReference ? rowA : rowB, logits);
            return logits;
        }
    }

    private static int? RowAt(StagePair? pair, int position)
    {
        foreach ((int at, int row, int _) in pair?.Rows ?? [])
        {
            if (at == position)
                return row;
        }
        return null;
    }

    /// <summary>What the manifests say beside the tensors.</summary>
    private void CompareManifests()
    {
        if (_prompts is not null)
            Not("ids", _prompts.ToString());
        else if (a.Ids is { } ids && b.Ids is { } others && ids.Count != others.Count)
            Not("ids", $"{ids.Count} in A and {others.Count} in B");
        if (a.Pack?.ConfigJson is not null && b.Pack?.ConfigJson is not null && !TraceDiff.ConfigOf(a)!.Equals(TraceDiff.ConfigOf(b)))
            Not("config", "not the same in the two manifests");
    }

    private void ComparePositions(IReadOnlyList<int> positionsA, IReadOnlyList<int> positionsB, int[] common)
    {
        if (options.Positions is { List: { } asked }
            ? !asked.SequenceEqual(common)
            : options.Positions is null && !positionsA.SequenceEqual(positionsB))
        {
            Not("positions", $"{common.Length} are compared; A has {positionsA.Count}, B has {positionsB.Count}");
        }
        else if (options.Positions is null && a.Pack?.LogitsHash is { } hash && b.Pack?.LogitsHash is { } other && hash != other
            && options.Stages == StageFilter.All)
        {
            Not("logits_hash", "not the same in the two manifests");
        }
    }

    private TraceDifference Nothing(Dictionary<StageKey, StageTensor> left, Dictionary<StageKey, StageTensor> right)
    {
        foreach (StageKey key in left.Keys.Union(right.Keys).OrderBy(DiffBudgets.ForwardOrder))
            AddMissing(key, left);
        return new(options.Precision ?? Precision.Float32, [], _not, _notes) { Prompts = _prompts, Readings = _readings };
    }

    /// <summary>
    /// Most tensors, because a few are exact in float32, too, and others are widened on the way. float16 rounds about as much and has no budget of
    /// its own.
    /// </summary>
    private static bool IsBfloat16(Dump dump)
    {
        if (dump.Precision is { } stated)
            return stated == Precision.Bfloat16;
        List<DumpTensor> values = [.. dump.Tensors.Where(tensor => !tensor.IsInteger)];
        return 2 * values.Count(tensor => tensor.Type == DType.F16 || tensor.HoldsBfloat16()) > values.Count;
    }

    private static string List(IReadOnlyList<int> positions) =>
        positions.Count == 1 ? $"position {positions[0]}" : $"positions {Printable.List([.. positions.Select(p => $"{p}")], ", ")}";
}
