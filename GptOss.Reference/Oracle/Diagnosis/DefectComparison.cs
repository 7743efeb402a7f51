using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;

namespace GptOss.Reference.Oracle.Diagnosis;

/// <summary>How far a model lies from the dump, and from the sound model.</summary>
/// <param name="Rms">rms(D − M) over the compared numbers.</param>
/// <param name="OverBudget">Largest |D − M| as a multiple of its budget; infinite where a model has no number.</param>
/// <param name="FirstPosition">The first position that leaves its budget; null where none does.</param>
/// <param name="Effect">rms(M − S) over the logits of the compared rows.</param>
/// <param name="Likeness">Cosine of M − S and D − S over the compared numbers: how much the mistake moves them the way the dump is moved.</param>
internal readonly record struct Deviation(double Rms, double OverBudget, int? FirstPosition, double Effect, double Likeness)
{
    internal bool IsWithinBudget => OverBudget <= 1;

    /// <summary>By which mistakes are ranked: one whose logits are not numbers comes last.</summary>
    internal double Order => double.IsNaN(Rms) ? double.PositiveInfinity : Rms;
}

/// <summary>Compares models with one dump, row by row as they come; the sound model's logits are kept.</summary>
internal sealed class DefectComparison(Transformer sound, DumpedRows dump)
{
    private readonly float[][] _sound = new float[dump.Positions.Count][];
    private readonly Func<int, double> _budget = Budgets.Published.Of(sound.Precision).Rows(new(Stage.Logits, -1), dump.Positions, sound);
    private double[] _dumped = [], _ours = [], _again = [], _soundOurs = [];

    /// <summary>rms(S) over the logits of the compared rows.</summary>
    internal double SoundRms { get; private set; }

    /// <summary>The sound model, which has to be first.</summary>
    internal Deviation Sound(CancellationToken cancellation)
    {
        Deviation deviation = Of(sound, cancellation);
        SoundRms = Math.Sqrt(_sound.Sum(row => row.Sum(x => (double)x * x)) / ((double)_sound.Length * _sound[0].Length));
        return deviation;
    }

    /// <summary>One model.</summary>
    internal Deviation Of(Transformer model, CancellationToken cancellation)
    {
        double left = 0, numbers = 0, effect = 0, squares = 0, logitsSeen = 0, product = 0, moves = 0, differences = 0;
        double[] worst = new double[dump.Positions.Count];
        PromptPass.Run(model, dump.Ids, dump.Positions, (row, logits) =>
        {
            _sound[row] ??= logits.ToArray();
            for (int i = 0; i < logits.Length; i++)
            {
                double moved = (double)logits[i] - _sound[row][i];
                effect += moved * moved;
                squares += (double)logits[i] * logits[i];
            }
            logitsSeen += logits.Length;

            int width = dump.WidthOf(row);
            if (_dumped.Length < width)
                (_dumped, _ours, _again, _soundOurs) = (new double[width], new double[width], new double[width], new double[width]);
            dump.Read(row, _dumped.AsSpan(0, width));
            dump.Compare(row, logits, _dumped.AsSpan(0, width), _ours.AsSpan(0, width));
            dump.Read(row, _again.AsSpan(0, width));
            dump.Compare(row, _sound[row], _again.AsSpan(0, width), _soundOurs.AsSpan(0, width));
            double largest = 0;
            for (int i = 0; i < width; i++)
            {
                double move = _ours[i] - _soundOurs[i], off = _dumped[i] - _soundOurs[i];
                if (double.IsFinite(move) && double.IsFinite(off))
                    (product, moves, differences) = (product + move * off, moves + move * move, differences + off * off);
                double difference = double.IsNaN(_dumped[i]) && double.IsNaN(_ours[i]) ? 0 : Math.Abs(_dumped[i] - _ours[i]);
                left += difference * difference;
                largest = double.IsNaN(difference) ? double.PositiveInfinity : Math.Max(largest, difference);
            }
            numbers += width;
            worst[row] = largest / (dump.LogitsPerNumber * _budget(row));
        }, cancellation);
        double rms = Math.Sqrt(squares / logitsSeen);
        for (int row = 0; row < worst.Length; row++)
            worst[row] = worst[row] == 0 ? 0 : double.IsNaN(worst[row] / rms) ? double.PositiveInfinity : worst[row] / rms;
        int first = Array.FindIndex(worst, times => times > 1);
        double likeness = moves > 0 && differences > 0 ? product / Math.Sqrt(moves * differences) : 0;
        return new(Math.Sqrt(left / numbers), worst.Max(), first < 0 ? null : dump.Positions[first], Math.Sqrt(effect / logitsSeen), likeness);
    }
}
