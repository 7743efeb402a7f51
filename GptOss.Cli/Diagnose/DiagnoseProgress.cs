using System.Diagnostics;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Oracle.Diagnosis;

namespace GptOss.Cli.Diagnose;

/// <summary>Says how long it will take as soon as two models have run (the first one reads the weights), and then which mistake runs.</summary>
internal sealed class DiagnoseProgress(Terminal terminal) : IProgress<DiagnosisProgress>
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(10);

    private readonly ProgressLine _line = new(terminal);
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
            {
                _line.Clear();
                terminal.Error.WriteLine($"{Text.Count(left, "more model")} to run, about {Text.Duration(expected.TotalSeconds)}; Ctrl+C stops.");
            }
            _announced = value.Total;
        }
        if (value.Next is { } name)
            _line.Show(() => $"{value.Done + 1} of {value.Total}: {name}");
        else
            _line.Clear();
    }
}
