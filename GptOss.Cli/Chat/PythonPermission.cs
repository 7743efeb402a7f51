using GptOss.Cli.Terminals;
using GptOss.Reference.Harmony;
using GptOss.Tools.Python;

namespace GptOss.Cli.Chat;

/// <summary>Says what the model's Python can do here, and asks before it runs: for one call, or for all of them.</summary>
/// <param name="terminal">Where the question is asked.</param>
/// <param name="view">Where the code was shown.</param>
/// <param name="input">Reads the answer.</param>
/// <param name="isGiven">Whether the command line allowed it; what the code can do is still shown.</param>
internal sealed class PythonPermission(Terminal terminal, ChatView view, ChatInput input, bool isGiven)
{
    private const string Choices = "Run it? [y]es, [a]ll its Python from now on, [N]o: ";

    private bool _isGiven = isGiven, _isSaid;

    /// <summary>Whether a call may run.</summary>
    /// <exception cref="OperationCanceledException">Ctrl+C at the question: the turn is over.</exception>
    internal async Task<bool> AllowAsync(ITool tool, Message call, CancellationToken cancellation)
    {
        if (tool is not PythonTool python || (_isGiven && _isSaid))
            return true;
        if (!_isGiven && terminal.IsInputRedirected)
        {
            view.Say("The model's Python was not run: there is no one to ask. --yes allows it.");
            return false;
        }
        string confinement = (await python.ConfinementAsync(cancellation)).Describe(python.Limits);
        view.Say(_isGiven ? $"The model's Python runs on your machine. {confinement}"
            : $"The model wants to run this code on your machine. {confinement}");
        _isSaid = true;
        if (_isGiven)
            return true;
        string answer = input.Question(Choices)?.Trim().ToLowerInvariant() ?? "";
        cancellation.ThrowIfCancellationRequested();
        _isGiven = answer is "a" or "all";
        return _isGiven || answer is "y" or "yes";
    }
}
