using System.Globalization;
using GptOss.Cli.Terminals;
using GptOss.Reference.Model;

namespace GptOss.Cli.Output;

/// <summary>How far a long prompt has been read.</summary>
internal sealed class TokenProgress : IProgress<int>
{
    private readonly Terminal _terminal;
    private readonly ProgressLine _line;
    private readonly int _tokens;
    private bool _isSaid;

    /// <summary>Counts the tokens of a prompt.</summary>
    internal TokenProgress(Terminal terminal, int tokens) => (_terminal, _line, _tokens) = (terminal, new(terminal), tokens);

    public void Report(int value)
    {
        if (_tokens <= Sequence.ChunkTokens)
            return;
        if (!_terminal.HasAnimation && !_isSaid)
            _terminal.Error.WriteLine($"Reading a prompt of {Text.Count(_tokens, "token")}.");
        _isSaid = true;
        if (value < _tokens)
            _line.Show(() => string.Create(CultureInfo.InvariantCulture, $"Reading the prompt: {value:N0} of {_tokens:N0} tokens"));
        else
            End();
    }

    /// <summary>Clears the line.</summary>
    internal void End() => _line.Clear();
}
