using System.Diagnostics;
using System.Globalization;

namespace GptOss.Benchmarks;

/// <summary>How times are spread that differ from case to case.</summary>
internal static class Percentiles
{
    /// <summary>Microseconds of each case, ascending.</summary>
    internal static double[] Of(int cases, Action<int> run)
    {
        double[] times = new double[cases];
        for (int i = 0; i < cases; i++)
        {
            long begin = Stopwatch.GetTimestamp();
            run(i);
            times[i] = Stopwatch.GetElapsedTime(begin).TotalMicroseconds;
        }
        Array.Sort(times);
        return times;
    }

    internal static string Sentence(double[] times)
    {
        string At(double share) => times[Math.Min(times.Length - 1, (int)(share * times.Length))].ToString("F1", CultureInfo.InvariantCulture);
        string mean = times.Average().ToString("F1", CultureInfo.InvariantCulture);
        return $"{times.Length} cases, mean {mean}, p50 {At(0.5)}, p90 {At(0.9)}, p99 {At(0.99)}, p99.9 {At(0.999)}, longest {At(1)} µs";
    }
}
