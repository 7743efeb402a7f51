using System.Numerics;
using GptOss.Reference.Checkpoints.Storage;

namespace GptOss.Reference.Oracle.Dumps;

/// <summary>What the rows of a dump hold where logits are expected.</summary>
public enum LogitsKind
{
    /// <summary>Logits.</summary>
    Logits,

    /// <summary>ln softmax(logits).</summary>
    LogProbabilities,

    /// <summary>softmax(logits).</summary>
    Probabilities,
}

/// <summary>Reads one row.</summary>
internal delegate void RowReader(int row, Span<double> values);

/// <summary>Tells logits, log-probabilities and probabilities apart by their values alone, and brings them to one form.</summary>
internal static class LogitsKinds
{
    /// <summary>
    /// How far a sum of probabilities may be from 1, and its logarithm from 0: of values that were rounded to 16 bits, and of others.
    /// </summary>
    private const double Narrow = 0.05, Wide = 1e-3;

    /// <summary>What the rows of a tensor are.</summary>
    internal static LogitsKind Of(DumpTensor tensor) =>
        Of(tensor.Rows, tensor.Width, tensor.Type == DType.F16 || tensor.HoldsBfloat16(), tensor.ReadRow);

    /// <summary>What rows are: the first row that fits neither kind of probability ends the search.</summary>
    /// <param name="rows">How many.</param>
    /// <param name="width">Values of a row.</param>
    /// <param name="isNarrow">Whether values were rounded to 16 bits.</param>
    /// <param name="read">Reads a row.</param>
    internal static LogitsKind Of(int rows, int width, bool isNarrow, RowReader read)
    {
        double[] values = new double[width];
        double most = isNarrow ? Narrow : Wide;
        bool probabilities = width > 1, logarithms = width > 1;
        for (int row = 0; row < rows && (probabilities || logarithms); row++)
        {
            read(row, values);
            probabilities = probabilities && Array.TrueForAll(values, value => value >= 0) && Math.Abs(values.Sum() - 1) <= most;
            logarithms = logarithms && Array.TrueForAll(values, value => value <= most) && Math.Abs(LogSumExp<double>(values)) <= most;
        }
        return probabilities ? LogitsKind.Probabilities : logarithms ? LogitsKind.LogProbabilities : LogitsKind.Logits;
    }

    /// <summary>Turns a row of any kind into log-probabilities, in place; of logits that were multiplied by <paramref name="scale"/>.</summary>
    internal static void ToLogProbabilities(Span<double> row, LogitsKind kind, double scale = 1)
    {
        foreach (ref double value in row)
            value = (kind == LogitsKind.Probabilities ? Math.Log(value) : value) / scale;
        double sum = LogSumExp<double>(row);
        foreach (ref double value in row)
            value -= sum;
    }

    /// <summary>ln Σ exp(x), safe from overflow.</summary>
    internal static double LogSumExp<T>(ReadOnlySpan<T> logits) where T : struct, IFloatingPoint<T>
    {
        double largest = double.NegativeInfinity, sum = 0;
        foreach (T logit in logits)
            largest = Math.Max(largest, double.CreateTruncating(logit));
        foreach (T logit in logits)
            sum += Math.Exp(double.CreateTruncating(logit) - largest);
        return largest + Math.Log(sum);
    }

    /// <summary>The least probability that a type holds with all of its digits; what is below may have become 0.</summary>
    internal static double LeastProbability(DType type) => type switch
    {
        DType.F16 => 1.0 / (1 << 14),
        DType.F64 => 2.2250738585072014e-308,
        _ => 1.1754943508222875e-38,
    };
}
