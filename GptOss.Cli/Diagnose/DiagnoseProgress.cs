using System.Diagnostics;
using System.Globalization;
using GptOss.Cli.Terminals;
using GptOss.Reference.Oracle.Diagnosis;

namespace GptOss.Cli.Diagnose;

/// <summary>Says how long it will take as soon as two models have run (the first one reads the weights), and then which mistake runs.</summary>
internal sealed class DiagnoseProgress(Terminal terminal) : IProgress<DiagnosisProgress>
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(10);

    private readonly Stopwatch _time = new();
    private int _first, _announced;

    public void Report(DiagnosisProgress value)
    {
        if (!_time.IsRunning)
        {
            _time.Start();
            _first = value.Done;
        }
        else if (value.Total != _announced && value.Next is not null)
        {
            int left = value.Total - value.Done;
            TimeSpan expected = _time.Elapsed / (value.Done - _first) * left;
            if (expected > Long)
                terminal.Error.WriteLine($"{left} more models to run, about {Duration(expected)}; Ctrl+C stops.");
            _announced = value.Total;
        }
        if (terminal.HasAnimation)
            terminal.Error.Write(value.Next is { } name ? $"\r{value.Done + 1} of {value.Total}: {name,-72}" : $"\r{new string(' ', 90)}\r");
    }

    private static string Duration(TimeSpan time) => time.TotalMinutes < 2
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:F0} s")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:F0} min");
}
