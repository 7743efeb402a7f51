using System.Globalization;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Chat;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Chat;

/// <summary>The loop of a chat: reads a line, answers it or obeys the command. An error is reported, and the conversation continues.</summary>
internal sealed class ChatLoop(
    Terminal terminal, Transformer model, Conversation conversation, ChatTools tools, ChatView view, ChatInput input, Tokenizer tokenizer,
    bool isVerbose)
{
    private const string Help =
        """
        /effort low|medium|high    how long the model thinks, from the next turn on
        /system TEXT               instructions for the model; /system - removes them; alone, shows them
        /tools [NAME on|off]       lists the tools; turns one on or off
        /reasoning show|fold|hide  how the chain of thought is shown
        /retry                     the last question again, with another draw
        /undo                      undoes the last turn
        /new                       starts a new conversation
        /save [--force] FILE       writes the conversation as JSON; --force replaces a file without asking
        /load FILE                 reads one
        /tokens                    what the context holds
        /raw                       the last turn as the model read and wrote it
        /help, /exit
        A line that begins with // is sent with a single /. A line that ends with \ continues on the next; text between three quotation marks may
        have several lines, and so may pasted text. The arrow keys bring back earlier lines.
        """;

    private const string Force = "--force ";

    private int _code;
    private TurnEnd? _lastEnd;

    /// <summary>Until the input ends or <c>/exit</c>. Through pipes, anything that failed shows in the exit code.</summary>
    internal int Run()
    {
        while (input.Read() is { } line)
        {
            try
            {
                if (line.StartsWith('/') && !line.StartsWith("//", StringComparison.Ordinal))
                {
                    string[] words = line[1..].Split(' ', 2, StringSplitOptions.TrimEntries);
                    if (words[0] is "exit" or "quit")
                        break;
                    Obey(words[0], words.Length > 1 ? words[1] : "");
                }
                else if (line.Trim().Length > 0)
                {
                    string text = line.StartsWith('/') ? line[1..] : line;
                    Turn(cancellation => conversation.AskAsync(text, cancellation));
                }
            }
            catch (Exception e) when (e is not OutputClosedException)
            {
                view.EndTurn();
                (int code, string? sentence) = ErrorBoundary.Explain(e);
                if (sentence is not null)
                    view.Say(sentence);
                _code = Math.Max(_code, code == ExitCodes.Fault ? code : ExitCodes.BadInput);
            }
            if (terminal.Cancellation.IsCancellationRequested)
                return ExitCodes.Cancelled;
        }
        return terminal.IsInputRedirected ? _code : ExitCodes.Ok;
    }

    private void Turn(Func<CancellationToken, IAsyncEnumerable<ConversationEvent>> ask)
    {
        // Through pipes Ctrl+C is for the program.
        TurnResult turn = terminal.IsInputRedirected ? Ended(terminal.Cancellation) : terminal.Interruptible(Ended);
        _lastEnd = turn.End;
        view.End(turn);
        if (isVerbose)
            view.ShowSpeed(turn, conversation.CacheBytes);
        if (terminal.IsInteractive)
            view.Say("");

        TurnResult Ended(CancellationToken cancellation)
        {
            try
            {
                return ShowAsync(cancellation).GetAwaiter().GetResult();
            }
            catch (LogitsException e)
            {
                throw NotANumber.Located(e, model, cancellation);
            }
        }

        Task<TurnResult> ShowAsync(CancellationToken cancellation) => ask(cancellation).Select(happened =>
        {
            view.Show(happened);
            return happened;
        }).ToResultAsync();
    }

    private void Obey(string command, string rest)
    {
        switch (command)
        {
            case "help":
                view.Say(Help);
                break;
            case "effort":
                Effort(rest);
                break;
            case "system":
                Instructions(rest);
                break;
            case "tools":
                Tools(rest.Split(' ', StringSplitOptions.RemoveEmptyEntries));
                break;
            case "reasoning":
                if (rest.Length > 0)
                    view.Reasoning = Word(command, rest, ChatCommand.ReasoningWords);
                view.Say($"Reasoning: {ChatCommand.ReasoningWords.First(word => word.Value == view.Reasoning).Word}.");
                break;
            case "retry":
                if (conversation.Turns == 0)
                    view.Say("There is no turn yet.");
                else
                    Retry();
                break;
            case "undo":
                view.Say(conversation.Undo() is { } taken ? $"Taken back: {Clip(taken)}" : "There is no turn yet.");
                break;
            case "new":
                conversation.Replace([]);
                view.Say("A new conversation.");
                break;
            case "save":
                Save(rest);
                break;
            case "load":
                Load(File(command, rest));
                break;
            case "tokens":
                Tokens();
                break;
            case "raw":
                view.Say(tokenizer.Decode([.. conversation.LastTokens]));
                break;
            default:
                throw new UsageException($"Unknown command /{command}; /help lists the commands. A message that starts with / is written with //.");
        }
    }

    private void Retry()
    {
        if (conversation.Options.Sampling.Temperature == 0 && _lastEnd is not (null or TurnEnd.Cancelled))
            view.Say("At temperature 0 the same question has the same answer; start with --temperature 1 for another draw.");
        Turn(conversation.RetryAsync);
    }

    private void Save(string rest)
    {
        bool isForced = $"{rest} ".StartsWith(Force, StringComparison.Ordinal);
        string path = File("save", isForced ? rest[(Force.Length - 1)..].TrimStart() : rest);
        if (!isForced && System.IO.File.Exists(path))
        {
            if (terminal.IsInputRedirected)
                throw new UsageException($"{path} exists already; /save --force {path} replaces it.");
            if (input.Question($"{path} exists already. Replace it? [y/N] ")?.Trim().ToLowerInvariant() is not ("y" or "yes"))
            {
                view.Say("Not saved.");
                return;
            }
        }
        ConversationFile.Save(path, conversation.Messages);
        view.Say($"Saved {Text.Count(conversation.Turns, "turn")} to {path}.");
    }

    private void Effort(string word)
    {
        if (word.Length > 0)
        {
            ReasoningEffort effort = Word("effort", word, ChatCommand.Efforts);
            conversation.Options = conversation.Options with { System = conversation.Options.System with { ReasoningEffort = effort } };
        }
        view.Say($"Effort: {ChatCommand.Word(conversation)}.");
    }

    private void Instructions(string text)
    {
        if (text.Length > 0)
            conversation.Options = conversation.Options with { Instructions = text == "-" ? null : text };
        view.Say(conversation.Options.Instructions is { } instructions ? $"Instructions: {instructions}" : "There are no instructions.");
    }

    private void Tools(string[] words)
    {
        if (words is [var name, "on" or "off"])
        {
            if (!tools.Switch(name, words[1] == "on"))
                throw new UsageException($"There is no tool '{name}'; --tools offers tools when the program starts.");
            conversation.Options = conversation.Options with { Tools = tools.On };
        }
        else if (words.Length > 0)
        {
            throw new UsageException("Expected /tools, or /tools NAME on, or /tools NAME off.");
        }
        string[] lines = [.. tools.Describe()];
        view.Say(lines.Length > 0 ? string.Join('\n', lines) : "There are no tools; --tools offers them when the program starts.");
    }

    // A file is trusted only where it can do no harm: it brings words, never tools.
    private void Load(string path)
    {
        StoredConversation stored = ConversationFile.Load(path);
        conversation.Replace(stored.Turns);
        conversation.Options = conversation.Options with
        {
            System = stored.System ?? conversation.Options.System,
            Instructions = stored.Instructions,
        };
        view.Say($"Loaded {Text.Count(conversation.Turns, "turn")} from {path}, effort {ChatCommand.Word(conversation)}.");
        string[] missing = [.. stored.DeclaredTools.Except(tools.On.SelectMany(tool => tool.Declaration.Recipients))];
        if (missing.Length > 0)
            view.Say($"It used tools that are not on here: {string.Join(", ", missing)}.");
        if (conversation.Messages is [.., { } last] && stored.Turns.Count > 0)
            view.Say($"Its last message is from {last.Name ?? last.Role.Word()}: {Clip(last.Text)}");
    }

    private void Tokens()
    {
        int used = conversation.PromptTokens, context = conversation.Options.Context;
        string forgotten = conversation.ForgottenTurns > 0 ? $", of which the {conversation.ForgottenTurns} oldest are left out of prompts" : "";
        view.Say(string.Create(CultureInfo.InvariantCulture, $"{used:N0} of {context:N0} tokens ({100.0 * used / context:F1} %) in ")
            + $"{Text.Count(conversation.Turns, "turn")}{forgotten}; cache {Text.Short(conversation.CacheBytes)}.");
    }

    private static T Word<T>(string command, string word, (string Word, T Value)[] words)
    {
        foreach ((string spelled, T value) in words)
        {
            if (spelled == word)
                return value;
        }
        throw new UsageException($"/{command} is '{word}'; expected {Arguments.List(words.Select(known => known.Word))}.");
    }

    private static string File(string command, string path)
    {
        if (path.StartsWith("--", StringComparison.Ordinal))
            throw new UsageException($"/{command} has no option '{path.Split(' ')[0]}'; a name that begins with -- is written ./--.");
        if (path.Length == 0 || path.Contains('\0'))
            throw new UsageException($"Expected /{command} FILE.");
        return Directory.Exists(path) ? throw new UsageException($"{path} is a folder; expected a file.") : path;
    }

    private static string Clip(string text)
    {
        string line = text.ReplaceLineEndings(" ");
        return line.Length > 80 ? line[..79] + "…" : line;
    }
}
