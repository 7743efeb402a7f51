using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Reference.Oracle.Diff;

/// <summary>Compares the logits of a reference with what many engines give instead: log-probabilities of a few tokens, or the tokens that were chosen.</summary>
public static class ListedDiff
{
    /// <summary>Compares on the listed tokens, after log-softmax over the whole row of the reference. The stage is called <c>logprobs</c>.</summary>
    /// <remarks>
    /// The budget is twice that of logits: ln p = logit − ln Σ exp, and either term may be off by that much. It counts over the root mean square of the reference's
    /// logits.
    /// </remarks>
    /// <param name="reference">A dump with logits.</param>
    /// <param name="listed">One entry for each position, or for each of those that are asked for.</param>
    /// <param name="options">Profile, budgets, names and positions.</param>
    /// <exception cref="CheckpointFormatException">The reference has no logits, or nothing says where the entries belong.</exception>
    public static TraceDifference Compare(Dump reference, ListedLogProbabilities listed, DiffOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(listed);
        var rows = new LogitRows(reference, options ?? new());
        var positions = rows.PositionsOf(listed.Path, listed.Rows.Count, null);
        var elements = new List<Element>();
        int best = 0, compared = 0;
        foreach ((int position, int row, int entry) in positions)
        {
            if (listed.Rows[entry] is not { Count: > 0 } tokens)
                continue;
            double[] logits = rows.Read(row);
            double sum = LogitsKinds.LogSumExp(logits);
            compared++;
            foreach ((int id, double logprob) in tokens.OrderBy(pair => pair.Key))
            {
                if (id >= logits.Length)
                    throw new CheckpointFormatException(listed.Path, "logprobs", $"entry {entry} has token {id}; the reference has {logits.Length} logits.");
                elements.Add(new(position, id, logits[id] - sum, logprob));
            }
            best += LogitAgreementSum.Largest(logits, 1)[0] == tokens.MaxBy(pair => pair.Value).Key ? 1 : 0;
        }
        rows.Notes.Add($"{elements.Count} log-probabilities at {compared} positions; the largest is the reference's at {best} of them.");
        return rows.Difference("logprobs", elements, 2, compared);
    }

    /// <summary>
    /// Compares tokens that were chosen greedily with the reference's largest logits. The stage is called <c>chosen</c>: its error is how far the logit of the chosen
    /// token lies below the largest, and its budget that of logits.
    /// </summary>
    /// <param name="reference">A dump with logits. Where its ids end with the chosen ones, they belong to the positions before those.</param>
    /// <param name="chosen">Token ids.</param>
    /// <param name="path">Where they came from, for messages.</param>
    /// <param name="options">Profile, budgets, names and positions.</param>
    /// <exception cref="CheckpointFormatException">The reference has no logits, or nothing says where the ids belong.</exception>
    public static TraceDifference CompareChosen(Dump reference, IReadOnlyList<int> chosen, string path, DiffOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(chosen);
        var rows = new LogitRows(reference, options ?? new());
        var elements = new List<Element>();
        int agreed = 0, compared = 0;
        foreach ((int position, int row, int entry) in rows.PositionsOf(path, chosen.Count, chosen))
        {
            double[] logits = rows.Read(row);
            int id = chosen[entry], largest = LogitAgreementSum.Largest(logits, 1)[0];
            if (id >= logits.Length)
                throw new CheckpointFormatException(path, "chosen", $"entry {entry} is {id}; the reference has {logits.Length} logits.");
            compared++;
            agreed += id == largest ? 1 : 0;
            if (id != largest)
                elements.Add(new(position, id, logits[largest], logits[id]));
        }
        rows.Notes.Add($"{agreed} of {compared} choices are the reference's.");
        return rows.Difference("chosen", elements, 1, compared);
    }

    private readonly record struct Element(int Position, int Id, double Reference, double Candidate)
    {
        internal double Error => Reference.Equals(Candidate) ? 0 : double.IsFinite(Reference) && double.IsFinite(Candidate) ? Math.Abs(Reference - Candidate) : double.PositiveInfinity;
    }

    /// <summary>The logits of the reference, their positions and budgets.</summary>
    private sealed class LogitRows
    {
        private readonly Dump _dump;
        private readonly StageTensor _logits;
        private readonly DiffOptions _options;
        private readonly IReadOnlyList<int> _positions;
        private readonly Precision _precision;
        private readonly Func<int, double>? _budget;
        private readonly Dictionary<int, int> _rows;

        internal LogitRows(Dump dump, DiffOptions options)
        {
            (_dump, _options) = (dump, options);
            GptOssConfig? config = options.Config ?? TraceDiff.ConfigOf(dump);
            StageKey key = new(Stage.Logits, -1);
            string? why = "it is not there";
            if (!options.Map.Resolve(dump).Stages.TryGetValue(key, out DumpTensor[]? parts) || StageTensor.Find(key, parts, config, out why) is not { } logits)
                throw new CheckpointFormatException(dump.Path, "dump-logits", $"the stage logits cannot be used: {why}.");
            _logits = logits;
            _positions = dump.Positions ?? (options.Positions is { List: { } asked } && asked.Count == logits.Rows ? asked
                : dump.Ids is { } ids && logits.Rows == 1 ? [ids.Count - 1] : [.. Enumerable.Range(0, logits.Rows)]);
            _rows = RowPositions.RowsOf(logits, dump, _positions)
                ?? throw new CheckpointFormatException(dump.Path, "dump-positions", $"logits have {logits.Rows} rows, and there are {_positions.Count} positions.");
            _precision = options.Precision ?? dump.Precision ?? (logits.HoldsBfloat16() ? Precision.Bfloat16 : Precision.Float32);
            _budget = new DiffBudgets(options.Budgets ?? dump.Pack?.Budgets ?? Budgets.Published, _precision, config, [key], Notes).Of(key);
        }

        internal List<string> Notes { get; } = [];

        /// <summary>Position, row and entry of what is compared.</summary>
        internal List<(int Position, int Row, int Entry)> PositionsOf(string path, int entries, IReadOnlyList<int>? chosen)
        {
            IReadOnlyList<int> owners = Owners(path, entries, chosen);
            var found = new List<(int, int, int)>();
            for (int entry = 0; entry < entries; entry++)
            {
                if (_rows.TryGetValue(owners[entry], out int row) && (_options.Positions is not { List: { } list } || list.Contains(owners[entry])))
                    found.Add((owners[entry], row, entry));
            }
            return found.Count == 0 ? throw new CheckpointFormatException(path, "dump-positions", "none of its entries is of a position of the reference.")
                : _options.Positions is { List: null } ? [found[^1]] : found;
        }

        internal double[] Read(int row)
        {
            double[] logits = new double[_logits.Width];
            _logits.Read(row, logits);
            return logits;
        }

        internal TraceDifference Difference(string name, List<Element> elements, double times, int rows)
        {
            double squares = 0;
            for (int row = 0; row < _logits.Rows; row++)
                squares += Read(row).Where(double.IsFinite).Sum(logit => logit * logit);
            double rms = Math.Sqrt(squares / ((double)_logits.Rows * _logits.Width)), max = elements.Select(e => e.Error).DefaultIfEmpty().Max();
            Element[] worst = [.. elements.Where(e => e.Error > 0).OrderByDescending(e => e.Error)];
            int? over = _budget is null ? null
                : elements.Where(e => e.Error / rms > times * _budget(e.Position)).Select(e => (int?)e.Position).FirstOrDefault();
            StageDifference stage = new()
            {
                Stage = name,
                Rows = rows,
                Max = max,
                Rms = elements.Count == 0 ? 0 : Math.Sqrt(elements.Where(e => double.IsFinite(e.Error)).Sum(e => e.Error * e.Error) / elements.Count),
                Relative = max == 0 ? 0 : max / rms,
                Budget = worst.Length > 0 ? times * _budget?.Invoke(worst[0].Position) : times * _budget?.Invoke(_positions[^1]),
                FirstDifference = elements.Where(e => e.Error > 0).Select(Place).FirstOrDefault(),
                FirstOverBudget = worst.Where(e => e.Position == over).Select(Place).FirstOrDefault(),
                Worst = [.. worst.Take(5).Select(e => new DifferingElement(Place(e), $"token {e.Id}", e.Reference, e.Candidate))],
            };
            return new(_precision, [stage], [], Notes);

            TracePlace Place(Element element) => new(name, element.Position, [element.Id]);
        }

        private IReadOnlyList<int> Owners(string path, int entries, IReadOnlyList<int>? chosen)
        {
            if (_options.Positions is { List: { } asked } && asked.Count == entries)
                return asked;
            if (chosen is not null && _dump.Ids is { } ids && ids.Count > entries && ids.Skip(ids.Count - entries).SequenceEqual(chosen))
                return [.. Enumerable.Range(ids.Count - entries - 1, entries)];
            if (_dump.Ids?.Count == entries)
                return [.. Enumerable.Range(0, entries)];
            return entries == _positions.Count ? _positions : throw new CheckpointFormatException(path, "dump-positions",
                $"there are {entries} entries, and the reference has {(_dump.Ids is { } known ? $"{known.Count} tokens and " : "")}{_positions.Count} positions; name theirs with --positions.");
        }
    }
}
