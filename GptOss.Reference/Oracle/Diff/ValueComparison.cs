using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Oracle.Dumps;

namespace GptOss.Reference.Oracle.Diff;

/// <summary>A stage on both sides, and the rows of each that are compared.</summary>
/// <param name="Reference">The reference's.</param>
/// <param name="Candidate">The candidate's.</param>
/// <param name="Rows">Position, row of the reference, row of the candidate; positions ascend.</param>
/// <param name="Budget">Budget by position; null where the stage has none.</param>
internal sealed record StagePair(StageTensor Reference, StageTensor Candidate, IReadOnlyList<(int Position, int A, int B)> Rows, Func<int, double>? Budget)
{
    internal string Name => Reference.Key.Name;

    /// <summary>How the candidate's values are read.</summary>
    internal required LogitsReading Reading { get; init; }

    /// <summary>The reference's row of each position.</summary>
    internal required IReadOnlyDictionary<int, int> RowsOfReference { get; init; }

    /// <summary>The same with every row of the candidate held to the reference's of the next position, or of the one before; rows that have none are left out.</summary>
    internal StagePair Moved(int shift) => shift == 0 ? this : this with
    {
        Rows = [.. Rows.Where(row => RowsOfReference.ContainsKey(row.Position + shift)).Select(row => (row.Position + shift, RowsOfReference[row.Position + shift], row.B))],
    };

    /// <summary>Where bits first differ; null where none do.</summary>
    internal TracePlace? FirstDifference()
    {
        foreach ((int position, int a, int b) in Rows)
        {
            int element = Reference.FirstDifference(a, Candidate, b);
            if (element >= 0)
                return new(Name, position, ElementPlace.Index(Reference, element));
        }
        return null;
    }
}

/// <summary>Measures the values of one stage, row by row, in double.</summary>
/// <param name="pair">The stage.</param>
/// <param name="config">The model's numbers, for words; null where they are unknown.</param>
/// <param name="expertsAt">The chosen experts of a position in the stage's layer; null where they are not recorded.</param>
internal sealed class ValueComparison(StagePair pair, GptOssConfig? config, Func<int, int[]?> expertsAt)
{
    private const int WorstKept = 5;
    private readonly UlpHistogram _float32 = new(), _bfloat16 = new();
    private readonly List<(double Error, int Position, int Element, double A, double B)> _worst = [];
    private readonly List<(int Position, int Element, double Error)> _rows = [];
    private double _squares, _squaresA, _squaresB, _product, _size;
    private long _finite, _sized;

    /// <summary>Compares every row but those of skipped positions.</summary>
    internal StageDifference Run(IReadOnlySet<int> skipped, CancellationToken cancellation)
    {
        double[] a = new double[pair.Reference.Width], b = new double[a.Length];
        LogitAgreementSum? agreement = pair.Reference.Key.Stage == Stage.Logits ? new() : null;
        foreach ((int position, int rowA, int rowB) in pair.Rows)
        {
            cancellation.ThrowIfCancellationRequested();
            if (skipped.Contains(position))
                continue;
            pair.Reference.Read(rowA, a);
            pair.Candidate.Read(rowB, b);
            if (pair.Reading.ReferenceKind == LogitsKind.Logits)
                AddSize(a);
            pair.Reading.Apply(a, b);
            if (pair.Reading.ReferenceKind != LogitsKind.Logits)
                AddSize(a);
            AddRow(position, a, b);
            agreement?.Add(a, b);
        }
        return Result(agreement);
    }

    /// <summary>Adds a row to the root mean square that budgets count over: of the logits, even where log-probabilities are compared.</summary>
    private void AddSize(double[] row)
    {
        foreach (double value in row)
        {
            if (!double.IsFinite(value))
                continue;
            _size += value * value;
            _sized++;
        }
    }

    private void AddRow(int position, double[] a, double[] b)
    {
        double rowError = 0;
        int rowElement = 0;
        for (int i = 0; i < a.Length; i++)
        {
            bool finite = double.IsFinite(a[i]) && double.IsFinite(b[i]);
            bool comparable = finite || a[i].Equals(b[i]);         // NaN equals NaN here, and neither equals a number
            double error = !comparable ? double.PositiveInfinity : finite ? Math.Abs(a[i] - b[i]) : 0;
            if (finite)
            {
                _squares += error * error;
                _squaresB += b[i] * b[i];
                _product += a[i] * b[i];
                _finite++;
            }
            if (double.IsFinite(a[i]))
                _squaresA += a[i] * a[i];
            _float32.AddFloat32((float)a[i], (float)b[i], comparable);
            _bfloat16.AddBfloat16((float)a[i], (float)b[i], comparable);
            if (error > rowError)
                (rowError, rowElement) = (error, i);
            if (error > 0 && (_worst.Count < WorstKept || error > _worst[^1].Error))
                Keep((error, position, i, a[i], b[i]));
        }
        _rows.Add((position, rowElement, rowError));
    }

    private void Keep((double Error, int, int, double, double) element)
    {
        int at = _worst.Count;
        while (at > 0 && element.Error > _worst[at - 1].Error)
            at--;
        _worst.Insert(at, element);
        if (_worst.Count > WorstKept)
            _worst.RemoveAt(WorstKept);
    }

    private StageDifference Result(LogitAgreementSum? agreement)
    {
        double rms = _sized == 0 ? 0 : Math.Sqrt(_size / _sized), worstRatio = -1;
        double? budget = null;
        TracePlace? firstOver = null;
        foreach ((int position, int element, double error) in _rows)
        {
            if (pair.Budget is not { } budgetOf)
                break;
            double relative = Over(error, rms), allowed = pair.Reading.LogitsPerNumber * budgetOf(position);
            double ratio = relative == 0 ? 0 : relative / allowed;
            if (ratio > worstRatio)
                (worstRatio, budget) = (ratio, allowed);
            if (relative > allowed)
                firstOver ??= Place(position, element);
        }
        double max = _rows.Count == 0 ? 0 : _rows.Max(row => row.Error);
        return new()
        {
            Stage = pair.Name,
            Rows = _rows.Count,
            Max = max,
            Rms = _finite == 0 ? 0 : Math.Sqrt(_squares / _finite),
            Relative = Over(max, rms),
            Budget = budget,
            Cosine = _squaresA > 0 && _squaresB > 0 ? Math.Clamp(_product / (Math.Sqrt(_squaresA) * Math.Sqrt(_squaresB)), -1, 1) : null,
            Float32Ulps = _float32,
            Bfloat16Ulps = _bfloat16,
            FirstDifference = pair.Reading.KeepsBits ? pair.FirstDifference()
                : _rows.Where(row => row.Error > 0).Select(row => Place(row.Position, row.Element)).FirstOrDefault(),
            FirstOverBudget = firstOver,
            Worst = [.. _worst.Select(e => new DifferingElement(Place(e.Position, e.Element),
                ElementPlace.Meaning(pair.Reference, e.Element, config, expertsAt(e.Position)), e.A, e.B))],
            Agreement = agreement?.Result,
        };
    }

    private TracePlace Place(int position, int element) => new(pair.Name, position, ElementPlace.Index(pair.Reference, element));

    private static double Over(double error, double rms) => error == 0 ? 0 : error / rms;
}
