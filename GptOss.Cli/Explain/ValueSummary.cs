using System.Globalization;

namespace GptOss.Cli.Explain;

/// <summary>A few of a stage's values, and what is to be known of all.</summary>
/// <param name="First">The first ones.</param>
/// <param name="Rms">√(mean of squares).</param>
/// <param name="LargestAt">Index of the value farthest from 0, one number for each dimension of the stage.</param>
/// <param name="Largest">That value.</param>
internal sealed record ValueSummary(IReadOnlyList<float> First, double Rms, IReadOnlyList<int> LargestAt, float Largest)
{
    private const int Shown = 5;

    /// <summary>Summarises the values of a stage of this shape.</summary>
    internal static ValueSummary Of(float[] values, int[] shape)
    {
        double squares = 0;
        int largest = 0;
        for (int i = 0; i < values.Length; i++)
        {
            squares += (double)values[i] * values[i];
            if (Math.Abs(values[i]) > Math.Abs(values[largest]))
                largest = i;
        }
        int[] at = new int[shape.Length];
        for (int dimension = shape.Length - 1, rest = largest; dimension >= 0; rest /= shape[dimension--])
            at[dimension] = rest % shape[dimension];
        return new(values[..Math.Min(Shown, values.Length)], Math.Sqrt(squares / values.Length), at, values[largest]);
    }

    /// <summary>−0.1234: four digits.</summary>
    internal static string Number(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    /// <summary>12.3 %.</summary>
    internal static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:F1} %");

    /// <summary>0.1, −0.2, …: the first ones of <paramref name="count"/>.</summary>
    internal string Start(int count) => string.Join(", ", First.Select(value => Number(value))) + (count > First.Count ? ", …" : "");

    /// <summary>RMS 0.3, largest 4 at [2, 17].</summary>
    internal string Size() => $"RMS {Number(Rms)}, largest {Number(Largest)} at [{string.Join(", ", LargestAt)}]";
}
