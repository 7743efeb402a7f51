using System.Diagnostics;
using System.Globalization;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Chat;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Tools.Browser;

namespace GptOss.Cli.Chat;

/// <summary>How the chain of thought is shown.</summary>
internal enum ShownReasoning
{
    /// <summary>As it is written, dimmed.</summary>
    Show,

    /// <summary>One line that says how long it took.</summary>
    Fold,

    /// <summary>Not at all.</summary>
    Hide,
}

/// <summary>Shows a turn as it happens: answers on standard output, everything else on standard error.</summary>
internal sealed class ChatView(Terminal terminal, ShownReasoning reasoning, SimpleBrowser? browser)
{
    private const int MostAnswerLines = 12, MostAnswerChars = 2000;
    private const string Dim = "\u001b[2m", Plain = "\u001b[0m";

    private TextWriter? _openLine;                  // whose last line has not ended
    private int? _message;                          // the message that is being shown
    private bool _isProgress;
    private int _thoughtTokens;
    private long _thoughtBegin;
    private readonly List<Repair> _repairs = [];    // shown after the turn, so that they do not interrupt its text
    private StreamedCitations? _citations;

    /// <summary>How the chain of thought is shown.</summary>
    internal ShownReasoning Reasoning { get; set; } = reasoning;

    /// <summary>A line that is not an answer.</summary>
    internal void Say(string line)
    {
        EndLine();
        terminal.Error.WriteLine(line);
    }

    /// <summary>Shows an event.</summary>
    internal void Show(ConversationEvent happened)
    {
        switch (happened)
        {
            case PromptRead read:
                ShowProgress(read);
                break;
            case TokenWritten written:
                ShowToken(written);
                break;
            case MessageWritten { Kind: var kind, Message: var message }:
                if (kind == MessageKind.Call && _message is null)
                    Write(terminal.Error, $"→ {message.Recipient}", isDim: false);
                EndMessage(kind);
                break;
            case CallAnswered { Answer: var answer, Time: var time }:
                ShowDim(string.Create(CultureInfo.InvariantCulture, $"← {Clip(answer.Text)}") + Seconds(time));
                break;
            case TurnsForgotten { Now: var now, Total: var total }:
                string oldest = now == 1 ? "oldest turn is" : $"{now} oldest turns are";
                Say($"The context is full: the {oldest} no longer shown to the model ({total} in all).");
                break;
            case Mended { Repair: var repair }:
                _repairs.Add(repair);
                break;
            case ForeignMessage { Message: var foreign }:
                Say($"The model wrote a message in the name of {foreign.Name ?? foreign.Role.Word()}; it is not kept.");
                break;
        }
    }

    /// <summary>Ends a turn: the last line, and a remark on how it ended where that matters.</summary>
    internal void End(TurnResult turn)
    {
        EndTurn();
        string? remark = turn.End switch
        {
            TurnEnd.NoAnswer => "The model ended its turn without an answer.",
            TurnEnd.TooLong => "The answer was cut: it reached --max-tokens.",
            TurnEnd.ContextFull => "The answer was cut: the context is full. A larger --context holds more.",
            TurnEnd.TooManyCalls => $"The turn was ended: the model made more than {turn.Calls} calls.",
            TurnEnd.Cancelled => "Stopped. /retry asks again, /undo takes the question back.",
            _ => null,
        };
        if (remark is not null)
            Say(remark);
    }

    /// <summary>Ends the open line, if any, also after a failure.</summary>
    internal void EndTurn()
    {
        EndProgress();
        EndMessage(MessageKind.Answer);
        EndLine();
        foreach (Repair repair in _repairs)
        {
            string lost = repair.Text.Length > 0 ? " " + TextInput.Quoted(Short(repair.Text)) : "";
            ShowDim($"The model broke the format at token {repair.At}, which was mended: {Words(repair.Kind)}{lost}");
        }
        _repairs.Clear();
        terminal.Out.Flush();
    }

    /// <summary>How fast a turn was, and what it reused.</summary>
    internal void ShowSpeed(TurnResult turn, long cacheBytes)
    {
        // One token, or none, has no speed.
        static string At(int tokens, TimeSpan time) =>
            tokens > 0 && time > TimeSpan.Zero ? string.Create(CultureInfo.InvariantCulture, $" at {tokens / time.TotalSeconds:F1} tokens/s") : "";
        ShowDim($"Prompt {Tokens(turn.PromptTokens)}, {turn.ReusedTokens} reused; read {turn.ReadTokens}{At(turn.ReadTokens, turn.ReadTime)}; "
            + $"wrote {turn.WrittenTokens}{At(turn.WrittenTokens - 1, turn.WriteTime)}; cache {Text.Short(cacheBytes)}.");
    }

    private static string Tokens(int count) => count == 1 ? "1 token" : string.Create(CultureInfo.InvariantCulture, $"{count} tokens");

    private void ShowToken(TokenWritten written)
    {
        EndProgress();
        if (written.Delta is { } next && _message is { } shown && next.Message != shown)
            EndMessage(MessageKind.Answer);
        if (written.Kind == MessageKind.Analysis && Reasoning != ShownReasoning.Show)
        {
            CountThought();
            return;
        }
        if (written.Delta is not { } delta)
            return;
        bool isNew = _message is null;
        _message = delta.Message;
        switch (written.Kind)
        {
            case MessageKind.Answer:
                if (isNew && browser is not null)
                    _citations = new StreamedCitations(browser.PageStack);
                Write(terminal.Out, _citations is null ? delta.Text : _citations.Push(delta.Text), isDim: false, isNew);
                break;
            case MessageKind.Analysis:
                Write(terminal.Error, delta.Text, isDim: true, isNew);
                break;
            case MessageKind.Preamble:
                Write(terminal.Error, delta.Text, isDim: false, isNew);
                break;
            case MessageKind.Call:
                bool isCode = delta.ContentType == "code" || delta.Recipient == "python";
                Write(terminal.Error, (isNew ? $"→ {delta.Recipient}{(isCode ? "\n" : " ")}" : "") + delta.Text, isDim: false, isNew);
                break;
        }
    }

    private void EndMessage(MessageKind kind)
    {
        if (_citations is not null)
        {
            Write(terminal.Out, _citations.Finish(), isDim: false);
            _citations = null;
        }
        if (_thoughtTokens > 0)
        {
            string thought = $"(thought for {Tokens(_thoughtTokens)}{Seconds(Stopwatch.GetElapsedTime(_thoughtBegin))})";
            _thoughtTokens = 0;
            EndProgress();
            if (Reasoning == ShownReasoning.Fold)
                ShowDim(thought);
        }
        _message = null;
        if (kind != MessageKind.Answer)
            EndLine();
    }

    private void CountThought()
    {
        if (_thoughtTokens++ == 0)
            _thoughtBegin = Stopwatch.GetTimestamp();
        if (Reasoning == ShownReasoning.Fold && _thoughtTokens % 8 == 1)
            Progress($"Thinking: {Tokens(_thoughtTokens)}");
    }

    private void ShowProgress(PromptRead read)
    {
        if (read.Total - read.Reused <= Sequence.ChunkTokens)
            return;
        if (terminal.HasAnimation)
            Progress($"Reading: {read.Read} of {Tokens(read.Total)}");
        else if (read.Read == read.Reused)
            Say($"Reading {Tokens(read.Total - read.Reused)}.");
    }

    private void Progress(string text)
    {
        if (!terminal.HasAnimation)
            return;
        EndLine();
        terminal.ErrorControl.Write($"\r{Dim}{text}{Plain}\u001b[K");
        _isProgress = true;
    }

    private void EndProgress()
    {
        if (_isProgress)
            terminal.ErrorControl.Write("\r\u001b[K");
        _isProgress = false;
    }

    private void ShowDim(string text)
    {
        EndLine();
        Write(terminal.Error, text, isDim: true);
        EndLine();
    }

    private void Write(TextWriter to, string text, bool isDim, bool isNew = false)
    {
        if (isNew || _openLine is not null && _openLine != to)
            EndLine();
        if (text.Length == 0)
            return;
        bool hasColor = isDim && terminal.HasAnimation;
        if (hasColor)
            terminal.ErrorControl.Write(Dim);
        to.Write(text);
        if (hasColor)
            terminal.ErrorControl.Write(Plain);
        to.Flush();
        _openLine = text.EndsWith('\n') ? null : to;
    }

    private void EndLine()
    {
        EndProgress();
        _openLine?.WriteLine();
        _openLine?.Flush();
        _openLine = null;
    }

    // Marks a long text as cut; the model gets all of it.
    private static string Clip(string text)
    {
        string[] lines = text.TrimEnd('\n').Split('\n');
        string clipped = string.Join('\n', lines.Take(MostAnswerLines));
        if (clipped.Length > MostAnswerChars)
            clipped = clipped[..MostAnswerChars];
        return clipped.Length == text.TrimEnd('\n').Length
            ? clipped
            : $"{clipped}\n… ({text.Length} characters, {lines.Length} lines; /raw shows all)";
    }

    private static string Short(string text) => text.Length > 60 ? text[..60] + "…" : text;

    private static string Seconds(TimeSpan time) =>
        time.TotalSeconds < 1 ? "" : string.Create(CultureInfo.InvariantCulture, $" ({time.TotalSeconds:F1} s)");

    private static string Words(RepairKind kind) =>
        string.Concat(kind.ToString().Select((c, i) => char.IsUpper(c) ? (i > 0 ? " " : "") + char.ToLowerInvariant(c) : $"{c}"));
}
