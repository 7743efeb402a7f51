using System.Globalization;
using GptOss.Cli.Terminals;
using GptOss.Reference.Oracle.Packs;

namespace GptOss.Cli.Output;

/// <summary>Says on standard error that a large file is read to its end, and how far that has come.</summary>
/// <param name="terminal">Where it is said.</param>
/// <param name="hint">Said once, after the first file's size.</param>
internal sealed class ReadingProgress(Terminal terminal, string hint = "") : IProgress<FileProgress>
{
    private const long LargeBytes = 256 << 20;                             // about a second
    private const long StepBytes = 64 << 20;
    private string? _file;
    private long _shown;

    public void Report(FileProgress value)
    {
        if (value.Total < LargeBytes)
            return;
        if (_file != value.File || value.Done == 0)
        {
            if (_file != value.File)
                terminal.Error.WriteLine($"Reading {value.File}, {Text.Bytes(value.Total)}.{(_file is null ? hint : "")}");
            (_file, _shown) = (value.File, 0);
        }
        if (!terminal.HasAnimation || value.Done < _shown + StepBytes && value.Done < value.Total)
            return;
        _shown = value.Done;
        string percent = string.Create(CultureInfo.InvariantCulture, $"\r{100.0 * value.Done / value.Total:F0} % of {value.File}");
        terminal.Error.Write(value.Done < value.Total ? percent : $"\r{new string(' ', percent.Length)}\r");
    }
}
