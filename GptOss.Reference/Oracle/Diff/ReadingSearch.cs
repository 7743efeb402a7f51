using GptOss.Reference.Oracle.Dumps;

namespace GptOss.Reference.Oracle.Diff;

/// <summary>
/// Looks for a reading under which logits that disagree as they are would agree: moved by one row, multiplied by a constant, with a constant added to
/// each row. It is fed pairs of rows, so neither side has to be in memory.
/// </summary>
/// <remarks>
/// Per shift, over the elements that are finite on both sides and with the mean of each row taken off: x the reference, y the dump, and the least
/// squares of y = c·x + a constant of the row.
/// </remarks>
internal sealed class ReadingSearch(LogitsReading plain)
{
    /// <summary>The shifts that are tried.</summary>
    internal static readonly int[] Shifts = [0, 1, -1];

    /// <summary>A reading counts where it leaves at most this share of the squared difference.</summary>
    private const double Left = 0.01;

    /// <summary>A shift counts where rows correlate so well and leave at most this share of what they leave in place.</summary>
    private const double LeastCorrelation = 0.9, LeftOfShift = 0.25;

    /// <summary>A factor nearer to 1 is rounding or a mistake, and no temperature.</summary>
    private const double LeastScaling = 1e-3;

    /// <summary>Constants of rows whose squares are a smaller share of the logits' are rounding.</summary>
    private const double LeastConstants = 1e-8;

    private readonly Fit[] _fits = [new(), new(), new()];

    /// <summary>Adds a row of the dump and the reference's for the same position plus the shift. Both are changed.</summary>
    internal void Add(int shift, Span<double> reference, Span<double> dumped)
    {
        if (plain.ReferenceKind != LogitsKind.Logits)
            LogitsKinds.ToLogProbabilities(reference, plain.ReferenceKind);
        if (plain.Kind == LogitsKind.Probabilities)
            LogitsKinds.ToLogProbabilities(dumped, plain.Kind);
        _fits[Array.IndexOf(Shifts, shift)].Add(reference, dumped);
    }

    /// <summary>The shift alone, for stages whose values have one meaning only.</summary>
    internal int Shift()
    {
        int best = 0;
        for (int i = 1; i < _fits.Length; i++)
        {
            if (_fits[i].Correlation >= LeastCorrelation && _fits[i].Unexplained <= LeftOfShift * _fits[0].Unexplained
                && _fits[i].Unexplained < _fits[best].Unexplained)
            {
                best = i;
            }
        }
        return Shifts[best];
    }

    /// <summary>The reading that explains the rows; the plain one where none does.</summary>
    internal LogitsReading Best()
    {
        LogitsReading reading = plain with { Shift = Shift() };
        Fit fit = _fits[Array.IndexOf(Shifts, reading.Shift)];
        if (Math.Abs(fit.Scale - 1) > LeastScaling && fit.ResidualAt(fit.Scale) <= Left * fit.ResidualAt(1))
            reading = reading with { Scale = fit.Scale };
        double constants = fit.RowConstantsAt(reading.Scale);
        if (!reading.IsOfProbabilities && constants > LeastConstants * fit.Squares * reading.Scale * reading.Scale
            && fit.ResidualAt(reading.Scale) <= Left * constants)
        {
            reading = reading with { HasRowConstants = true };
        }
        return reading;
    }

    /// <summary>The sums of one shift.</summary>
    private sealed class Fit
    {
        private double _xx, _xy, _yy, _meansXX, _meansXY, _meansYY;

        internal double Squares => _xx;

        internal double Scale => _xx > 0 && _xy != 0 ? _xy / _xx : 1;

        internal double Correlation => _xx > 0 && _yy > 0 ? Math.Abs(_xy) / Math.Sqrt(_xx * _yy) : 0;

        /// <summary>The share of the dump's squares that no multiple of the reference explains.</summary>
        internal double Unexplained => 1 - Correlation * Correlation;

        /// <summary>Σ(y − c·x)², means taken off.</summary>
        internal double ResidualAt(double scale) => Math.Max(0, _yy - 2 * scale * _xy + scale * scale * _xx);

        /// <summary>What the means of the rows add to that.</summary>
        internal double RowConstantsAt(double scale) => _meansYY - 2 * scale * _meansXY + scale * scale * _meansXX;

        internal void Add(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
        {
            double sumX = 0, sumY = 0;
            long count = 0;
            for (int i = 0; i < x.Length; i++)
            {
                if (!double.IsFinite(x[i]) || !double.IsFinite(y[i]))
                    continue;
                (sumX, sumY, count) = (sumX + x[i], sumY + y[i], count + 1);
            }
            if (count == 0)
                return;
            (double meanX, double meanY) = (sumX / count, sumY / count);
            for (int i = 0; i < x.Length; i++)
            {
                if (!double.IsFinite(x[i]) || !double.IsFinite(y[i]))
                    continue;
                (double dx, double dy) = (x[i] - meanX, y[i] - meanY);
                (_xx, _xy, _yy) = (_xx + dx * dx, _xy + dx * dy, _yy + dy * dy);
            }
            (_meansXX, _meansXY, _meansYY) = (_meansXX + count * meanX * meanX, _meansXY + count * meanX * meanY, _meansYY + count * meanY * meanY);
        }
    }
}
