using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using GptOss.Cli.Bench;
using GptOss.Cli.Options;
using GptOss.Cli.Terminals;
using GptOss.Reference.Chat;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Cuda;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Chat;

/// <summary><c>gptoss chat</c>: a conversation in the terminal, or one line a turn through pipes.</summary>
internal sealed class ChatCommand
{
    private const int DefaultContext = 8192;

    internal static readonly (string Word, ReasoningEffort Value)[] Efforts =
        [("low", ReasoningEffort.Low), ("medium", ReasoningEffort.Medium), ("high", ReasoningEffort.High)];

    internal static readonly (string Word, ShownReasoning Value)[] ReasoningWords =
        [("show", ShownReasoning.Show), ("fold", ShownReasoning.Fold), ("hide", ShownReasoning.Hide)];

    private readonly Option<ReasoningEffort?> _effort = Arguments.Word("--effort",
        "How long the model is asked to think; medium if not given.", Efforts);
    private readonly Option<string?> _system = new("--system", "--instructions")
    {
        Description = "Instructions for the model, in the developer message.",
        HelpName = "TEXT",
    };

    private readonly Option<DateOnly?> _date = Arguments.Date("--date", "The date that the system message states; today if not given.");
    private readonly Option<string[]> _tools = new("--tools")
    {
        Description = "Tools that the model may use, with commas between them: python, functions=FILE, apply_patch=FOLDER, browser=FOLDER (or "
            + "a saved set of pages), browser=live. None if not given. May be given several times.",
        HelpName = "LIST",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<bool> _yes = new("--yes")
    {
        Description = "Runs the model's Python without asking first; needed where there is no one to ask.",
    };

    private readonly Option<ShownReasoning?> _reasoning = Arguments.Word("--reasoning",
        "How the chain of thought is shown; show if not given.", ReasoningWords);

    private readonly Option<int?> _context = Arguments.Number("--context",
        $"Tokens that a prompt and its answer may take; {DefaultContext} if not given. Memory grows as they are used.", 64, int.MaxValue);

    private readonly Option<int?> _maxTokens = Arguments.Number("--max-tokens",
        "The most tokens of an answer; to the end of the context if not given.", 1, int.MaxValue);
    private readonly SchemaArguments _schema = new();
    private readonly SamplingArguments _sampling = new(temperature: 1, seed: null);
    private readonly Option<DroppedAnalysis?> _drop = Arguments.Word("--drop",
        "Past analysis that the model is not shown again: as the published library does it, of all finished turns, or none; finished if not given.",
        ("library", DroppedAnalysis.Library), ("finished", DroppedAnalysis.Finished), ("none", DroppedAnalysis.None));

    private readonly Option<bool> _verbose = new("--verbose")
    {
        Description = "Says after each answer how fast it was and how much of the cache was reused.",
    };

    private readonly Option<int> _speculate = SpeculateOption.Create(new ConversationOptions().Speculate);
    private readonly ModelArguments _model = new();

    internal static Command Create(Terminal terminal)
    {
        var options = new ChatCommand();
        var command = new Command("chat", "Talks with a model; through pipes one line is one turn, and answers are all that standard output gets.")
        {
            options._effort, options._system, options._date, options._tools, options._yes, options._reasoning, options._context, options._maxTokens,
            options._schema, options._sampling, options._drop, options._verbose, options._speculate, options._model,
        };
        command.SetAction(parsed => options.Run(parsed, terminal));
        return command;
    }

    private int Run(ParseResult parsed, Terminal terminal)
    {
        ModelOptions modelOptions = _model.Options(parsed, terminal);
        JsonElement? schema = _schema.Read(parsed);
        using var tools = new ChatTools(parsed.GetValue(_tools)!, terminal);
        string name = _model.Choose(parsed, terminal);
        Checkpoint checkpoint = ModelChoice.Open(name, terminal);
        int context = Prepare(checkpoint, parsed, modelOptions, terminal);
        using var model = ModelLoading.Load(checkpoint, modelOptions, terminal);
        Tokenizer tokenizer = model.Checkpoint.Tokenizer;
        PromptIds.RequireText(model.Config, tokenizer);
        SamplingOptions sampling = _sampling.Options(parsed);

        DateOnly date = parsed.GetValue(_date) ?? DateOnly.FromDateTime(DateTime.Now);
        var view = new ChatView(terminal, parsed.GetValue(_reasoning) ?? ShownReasoning.Show, tools.Browser);
        var input = new ChatInput(terminal);
        var conversation = new Conversation(model, tokenizer, new ConversationOptions
        {
            System = new SystemContent
            {
                ReasoningEffort = parsed.GetValue(_effort) ?? ReasoningEffort.Medium,
                ConversationStartDate = date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            },
            Instructions = parsed.GetValue(_system),
            Tools = tools.On,
            Allow = new PythonPermission(terminal, view, input, parsed.GetValue(_yes)).AllowAsync,
            Sampling = sampling,
            Context = context,
            MaxTokens = parsed.GetValue(_maxTokens),
            AnswerSchema = schema,
            CloseOnBudget = _schema.Closes(parsed),
            Speculate = parsed.GetValue(_speculate),
            Drop = parsed.GetValue(_drop) ?? DroppedAnalysis.Finished,
        });

        view.Say(string.Create(CultureInfo.InvariantCulture,
            $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(name))}, effort {Word(conversation)}, context {context:N0} tokens, ")
            + $"profile {model.Precision.Name()}, tools: {tools.Names}.");
        ProfileAdvice.Say(model, terminal);
        if (terminal.IsInteractive)
            view.Say("/help lists commands, Ctrl+C stops an answer, Ctrl+D ends.");
        bool isVerbose = parsed.GetValue(_verbose);
        if (isVerbose)
            view.Say($"The seed is {sampling.Seed}.");
        return new ChatLoop(terminal, model, conversation, tools, view, input, tokenizer, isVerbose).Run();
    }

    /// <summary>The context that was asked for. Where memory is short, says what to expect before the weights are read.</summary>
    private int Prepare(Checkpoint checkpoint, ParseResult parsed, ModelOptions run, Terminal terminal)
    {
        try
        {
            int most = checkpoint.Config.MaxPositions, context = parsed.GetValue(_context) ?? Math.Min(DefaultContext, most);
            if (context > most)
                throw new UsageException($"--context is {context}; the model's context holds {most}.");
            if (run.Device is CudaDevice gpu)
                gpu.ContextTokens = context;
            else if (SpeedForecast.Of(checkpoint, context, run.Precision) is { } warning)
                terminal.Error.WriteLine(warning);
            return context;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>The effort as it is spelled.</summary>
    internal static string Word(Conversation conversation) =>
        Efforts.FirstOrDefault(effort => effort.Value == conversation.Options.System.ReasoningEffort, ("as the model likes", default)).Word;
}
