using System.Diagnostics;
using System.Globalization;
using GptOss.Reference.Oracle;

namespace GptOss.Cli;

/// <summary>Says how long it will take as soon as the first model has run, and then which mistake runs.</summary>
internal sealed class DiagnoseProgress(Terminal terminal) : IProgress<DiagnosisProgress>
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(10);

    private readonly Stopwatch _time = Stopwatch.StartNew();
    private int _announced;

    public void Report(DiagnosisProgress value)
    {
        if (value.Total != _announced && value.Next is not null)
        {
            TimeSpan left = _time.Elapsed / Math.Max(1, value.Done) * (value.Total - value.Done);
            if (left > Long)
                terminal.Error.WriteLine($"{value.Total - value.Done} more models to run, about {Duration(left)}; Ctrl+C stops.");
            _announced = value.Total;
        }
        if (terminal.HasAnimation)
            terminal.Error.Write(value.Next is { } name ? $"\r{value.Done + 1} of {value.Total}: {name,-72}" : $"\r{new string(' ', 90)}\r");
    }

    private static string Duration(TimeSpan time) => time.TotalMinutes < 2
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:F0} s")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:F0} min");
}
