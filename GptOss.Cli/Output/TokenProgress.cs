using GptOss.Cli.Terminals;
using GptOss.Reference.Model;

namespace GptOss.Cli.Output;

/// <summary>A line on standard error that counts the tokens of a prompt.</summary>
internal sealed class TokenProgress : IProgress<int>
{
    private readonly Terminal _terminal;
    private readonly int _tokens;

    private TokenProgress(Terminal terminal, int tokens) => (_terminal, _tokens) = (terminal, tokens);

    /// <summary>Progress that somebody sees; null where nobody would, or where there is too little to count.</summary>
    internal static TokenProgress? For(Terminal terminal, int tokens) =>
        terminal.HasAnimation && tokens > Sequence.ChunkTokens ? new(terminal, tokens) : null;

    public void Report(int value) => _terminal.Error.Write(value < _tokens ? $"\r{value} of {_tokens} tokens" : $"\r{new string(' ', 40)}\r");
}
