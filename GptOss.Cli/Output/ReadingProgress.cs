using System.Globalization;
using GptOss.Cli.Terminals;
using GptOss.Reference.Oracle.Packs;

namespace GptOss.Cli.Output;

/// <summary>Says that a large file is read to its end, and how far that has come.</summary>
/// <param name="terminal">Where it is said.</param>
/// <param name="hint">Said once, after the first file's size.</param>
internal sealed class ReadingProgress(Terminal terminal, string hint = "") : IProgress<FileProgress>
{
    private const long LargeBytes = 256 << 20;                             // about a second

    private readonly ProgressLine _line = new(terminal);
    private string? _file;

    public void Report(FileProgress value)
    {
        if (value.Total < LargeBytes)
            return;
        if (_file != value.File)
            terminal.Error.WriteLine($"Reading {value.File}, {Text.Bytes(value.Total)}.{(_file is null ? hint : "")}");
        _file = value.File;
        if (value.Done < value.Total)
            _line.Show(() => string.Create(CultureInfo.InvariantCulture, $"{100.0 * value.Done / value.Total:F0} % of {value.File}"));
        else
            _line.Clear();
    }
}
