using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Cuda;
using GptOss.Reference.Generation;
using GptOss.Reference.Ground;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Serving;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Generate;

/// <summary><c>gptoss generate</c>: a prompt in, its continuation out.</summary>
internal sealed class GenerateCommand
{
    private readonly PromptArguments _prompt = new("What to say to the model.");
    private readonly Option<bool> _raw = new("--raw")
    {
        Description = "Continues the text as it is, special tokens by name, and prints everything; "
            + "without it, a system and a user message are put around it and the final answer is printed.",
    };

    private readonly Option<DateOnly?> _date = Arguments.Date("--date", "The date that the system message states; today if not given.");
    private readonly Option<ReasoningEffort?> _effort = Arguments.Word("--effort", "How long the model is asked to think; medium if not given.",
        ("low", ReasoningEffort.Low), ("medium", ReasoningEffort.Medium), ("high", ReasoningEffort.High));

    private readonly Option<int?> _maxTokens = Arguments.Number("--max-tokens",
        "The most new tokens; to the end of the context if not given.", 1, int.MaxValue);

    private readonly SamplingArguments _sampling = new(temperature: 0, seed: 0);
    private readonly Option<string[]> _stop = new("--stop")
    {
        Description = "Ends when the decoded text contains this, and cuts the text before it; may be given several times.",
        HelpName = "TEXT",
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = _ => [],
    };

    private readonly SchemaArguments _schema = new();
    private readonly Option<int?> _logProbabilities = Arguments.Number("--logprobs",
        "Reports the log-probability of each token and of the N most probable ones: in the object with --json, else on standard error.", 0, 1000);

    private readonly Option<bool> _json = new("--json")
    {
        Description = "Prints one JSON object: ids, text, finish_reason, usage, logprobs where asked for, logits_hash.",
    };

    private readonly Option<int> _speculate = SpeculateOption.Create(new GenerationOptions().Speculate);
    private readonly ModelArguments _model = new();

    internal static Command Create(Terminal terminal)
    {
        var options = new GenerateCommand();
        var command = new Command("generate", "Continues a prompt: answers a question, or goes on with a text or with token ids.")
        {
            options._prompt, options._raw, options._date, options._effort, options._maxTokens, options._sampling, options._stop, options._schema,
            options._logProbabilities, options._json, options._speculate, options._model,
        };
        command.SetAction(parsed => options.Run(parsed, terminal));
        return command;
    }

    private int Run(ParseResult parsed, Terminal terminal)
    {
        ModelOptions modelOptions = _model.Options(parsed, terminal);
        string[] stops = parsed.GetValue(_stop)!;
        if (stops.Contains(""))
            throw new UsageException("--stop is empty; every text contains nothing.");
        string? asItIs = parsed.GetValue(_raw) ? "--raw" : _prompt.HasIds(parsed) ? "--ids" : null;
        if (asItIs is not null
            && Array.Find((Option[])[_effort, _date, _schema.Schema], option => parsed.GetResult(option) is { Implicit: false }) is { } unused)
        {
            throw new UsageException($"{asItIs} and {unused.Name} exclude each other; what is taken as it is gets no system message.");
        }
        JsonElement? schema = _schema.Read(parsed);
        Prompt prompt = _prompt.Read(parsed, terminal);

        Checkpoint checkpoint = ModelChoice.Open(_model.Choose(parsed, terminal), terminal);
        (Tokenizer tokenizer, int[] ids, TokenConstraint? constraint) = Prepare(checkpoint, prompt, schema, parsed, modelOptions);
        using var model = ModelLoading.Load(checkpoint, modelOptions, terminal);
        var options = new GenerationOptions
        {
            Sampling = _sampling.Options(parsed),
            MaxTokens = parsed.GetValue(_maxTokens) ?? int.MaxValue,
            StopTokens = StopTokens.For(model, tokenizer),
            StopTexts = stops,
            Constraint = constraint,
            CloseOnBudget = _schema.Closes(parsed),
            TopLogProbabilities = parsed.GetValue(_logProbabilities),
            Speculate = parsed.GetValue(_speculate),
        };

        int? most = parsed.GetValue(_maxTokens);
        Answer? answer = parsed.GetValue(_json) ? null : new(terminal, parsed.GetValue(_raw) ? null : FinalChannelOf(tokenizer), stops);
        var progress = new TokenProgress(terminal, ids.Length);
        long? disk = DiskReads.Bytes();
        GenerationResult result = Generate(model, tokenizer, ids, options, progress.Report, answer is null ? null : answer.Show,
            terminal.Cancellation);
        progress.End();
        if (answer is not null)
        {
            answer.End(result);
            ReportLogProbabilities(result, tokenizer, terminal.Error);
        }
        else
        {
            terminal.Out.WriteLine(GenerateJson.Of(result, ids.Length, tokenizer));
        }
        terminal.Out.Flush();
        if (result.FinishReason == FinishReason.Length)
            terminal.Error.WriteLine(CutSentence(result, options.CloseOnBudget, most, model.Config.MaxPositions, answer));
        ReportSpeed(result, terminal.Error);
        DiskReads.Say(DiskReads.Bytes() - disk, terminal);
        return result.FinishReason == FinishReason.Cancelled ? ExitCodes.Cancelled : ExitCodes.Ok;
    }

    /// <summary>Generates; where logits are not numbers, says which stage was the first that was not.</summary>
    private static GenerationResult Generate(Transformer model, Tokenizer tokenizer, int[] ids, GenerationOptions options, Action<int> onPrompt,
        Action<GeneratedToken>? onToken, CancellationToken cancellation)
    {
        try
        {
            return new Generator(model, tokenizer).Generate(ids, options, onPrompt, onToken, cancellation);
        }
        catch (LogitsException e)
        {
            throw NotANumber.Located(e, model, cancellation);
        }
        catch (BudgetException e) when (e.Allowed == options.MaxTokens)
        {
            throw new UsageException($"--max-tokens {e.Allowed} leaves --close-json no room: the shortest answer that the schema allows takes "
                + $"{Text.Count(e.Needed, "token")}.");
        }
    }

    /// <summary>The prompt's ids, before the weights are read: a GPU keeps room for what will be asked of it.</summary>
    private (Tokenizer Tokenizer, int[] Ids, TokenConstraint? Constraint) Prepare(
        Checkpoint checkpoint, Prompt prompt, JsonElement? schema, ParseResult parsed, ModelOptions run)
    {
        try
        {
            Tokenizer tokenizer = checkpoint.Tokenizer;
            (int[] ids, TokenConstraint? constraint) = Ids(prompt, schema, parsed, checkpoint.Config, tokenizer);
            if (run.Device is CudaDevice gpu)
            {
                long tokens = ids.Length + (long)(parsed.GetValue(_maxTokens) ?? Placement.ContextTokens);
                gpu.ContextTokens = (int)Math.Clamp(tokens, 1, checkpoint.Config.MaxPositions);
            }
            return (tokenizer, ids, constraint);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    private (int[] Ids, TokenConstraint? Constraint) Ids(
        Prompt prompt, JsonElement? schema, ParseResult parsed, GptOssConfig config, Tokenizer tokenizer)
    {
        if (prompt.Text is not { } text || parsed.GetValue(_raw))
            return (prompt.AsItIs(config, tokenizer), null);
        PromptIds.RequireText(config, tokenizer);
        ReasoningEffort effort = parsed.GetValue(_effort) ?? ReasoningEffort.Medium;
        DateOnly date = parsed.GetValue(_date) ?? DateOnly.FromDateTime(DateTime.Now);
        string question = prompt.IsTyped ? text : WithoutLastLineEnd(text);
        if (schema is null)
            return (PublishedPrompt.Build(tokenizer, question, effort, date), null);
        ComposedTurn turn = new TurnComposer(tokenizer, () => date).Compose(new Turn
        {
            Messages = [new Message(Role.User, question)],
            Format = new TurnFormat("response", null, schema),
            Effort = effort,
        });
        return (turn.Prompt, turn.Constraint);
    }

    // A file or a pipe ends its last line; a question does not.
    private static string WithoutLastLineEnd(string text) =>
        text.EndsWith("\r\n", StringComparison.Ordinal) ? text[..^2] : text.EndsWith('\n') ? text[..^1] : text;

    private static FinalChannel? FinalChannelOf(Tokenizer tokenizer)
    {
        try
        {
            return new(tokenizer);
        }
        catch (TokenizerFormatException)
        {
            return null;                               // a tokenizer without messages, which only --ids can meet
        }
    }

    /// <summary>That the answer was cut, where, and how to get the rest.</summary>
    private static string CutSentence(GenerationResult result, bool isClosed, int? most, int context, Answer? answer)
    {
        int tokens = result.Ids.Count;
        if (isClosed)
            return $"Closed after {Text.Count(tokens, "token")}, because no more fit: the answer is whole JSON, but not all that was meant.";
        string where = answer is not { IsFinal: { } isFinal } ? ""
            : isFinal ? ", in the final answer" : ", before the final answer began; --json shows everything that was written";
        string count = Text.Count(tokens, "token");
        return tokens == most
            ? $"Cut after {count} by --max-tokens{where}; a larger number, or none, gives the rest."
            : string.Create(CultureInfo.InvariantCulture, $"Cut after {count}, because the model's context of {context:N0} tokens is full{where}.");
    }

    private static void ReportLogProbabilities(GenerationResult result, Tokenizer tokenizer, TextWriter error)
    {
        if (result.LogProbabilities is null)
            return;
        string Shown(TokenLogProbability token) =>
            string.Create(CultureInfo.InvariantCulture, $"{token.LogProbability:F6} {JsonText.Quoted(tokenizer.Decode([token.Id]))}");
        foreach (LogProbabilities step in result.LogProbabilities)
            error.WriteLine(Shown(step.Chosen) + (step.Top.Count == 0 ? "" : "  | " + string.Join("  ", step.Top.Select(Shown))));
    }

    private static void ReportSpeed(GenerationResult result, TextWriter error)
    {
        static string Speed(int tokens, int steps, TimeSpan time)
        {
            string all = string.Create(CultureInfo.InvariantCulture, $"{Text.Count(tokens, "token")} in {time.TotalSeconds:F2} s");
            return steps == 0 ? all : $"{all} ({Text.Rate(steps, time.TotalSeconds)})";
        }
        int steps = Math.Max(0, result.Ids.Count - 1);             // the first token comes out of the prompt
        string cancelled = result.FinishReason == FinishReason.Cancelled ? ", cancelled" : "";
        string guessed = result.DraftedTokens == 0 ? "" : $", {result.AcceptedTokens} of {result.DraftedTokens} guesses right";
        error.WriteLine($"Prompt: {Speed(result.PromptTokens, result.PromptTokens, result.PrefillTime)}; "
            + $"answer: {Speed(result.Ids.Count, steps, result.DecodeTime)}{guessed}{cancelled}.");
    }

    /// <summary>Shows text as it comes: everything, or the final channel.</summary>
    private sealed class Answer(Terminal terminal, FinalChannel? final, string[] stops)
    {
        private readonly StopText _stop = new(stops);
        private bool _endsLine, _isEmpty = true;

        /// <summary>Whether the final channel has begun; null where everything is shown.</summary>
        internal bool? IsFinal => final?.HasBegun;

        internal void Show(GeneratedToken token)
        {
            if (!token.IsStop)
                Write(final is null ? token.Text : _stop.Append(final.Append(token.Id)));
        }

        internal void End(GenerationResult result)
        {
            Write(final is null ? result.Rest : OfFinal(final, result));
            if (!_endsLine && !(_isEmpty && result.FinishReason == FinishReason.Length))
                terminal.Out.WriteLine();
        }

        // What was cut before the final answer is a chain of thought and no answer; what ended by itself without one may be a call.
        private string OfFinal(FinalChannel channel, GenerationResult result)
        {
            string rest = channel.Flush();
            if (channel.HasBegun)
                return _stop.Append(rest) + _stop.Flush();
            if (result.FinishReason == FinishReason.Length)
                return "";
            if (result.FinishReason == FinishReason.Stop)
                terminal.Error.WriteLine("The model ended without a final answer; this is everything that it wrote.");
            return result.Text;
        }

        private void Write(string text)
        {
            if (text.Length == 0)
                return;
            terminal.Out.Write(text);
            terminal.Out.Flush();
            (_endsLine, _isEmpty) = (text.EndsWith('\n'), false);
        }
    }
}
