using System.CommandLine;
using System.Text;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Oracle.Scoring;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Score;

/// <summary><c>gptoss score</c>: how probable a model finds the documents of a corpus, token by token.</summary>
internal sealed class ScoreCommand
{
    private const long MostPipedBytes = 1L << 30;

    private readonly Argument<string?> _corpus = new("corpus")
    {
        Description = "A file with one object a line, {\"text\"} or {\"ids\"}, and an \"id\" if you like; - or nothing reads standard input.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _out = new("--out")
    {
        Description = "The file to write, through FILE.partial; the same command goes on where it was interrupted. Without it, " +
            "lines go to standard output.",
        HelpName = "FILE",
    };

    private readonly Option<bool> _force = new("--force") { Description = "Begins anew where --out names something that is there." };
    private readonly Option<int> _top = Arguments.Number("--top", "Lists this many most probable tokens at each place.", 0, 1000, 0);
    private readonly Option<int?> _context = Arguments.Number("--context",
        "Tokens of a window; longer documents are cut into windows that overlap by half. The model's context if not given.", 2, int.MaxValue);

    private readonly Option<int> _batch = Arguments.Number("--batch",
        "Documents that pass through the model together. Changes no bit of the result.", 1, 1024, new ScoreOptions().Batch);

    private readonly Option<bool> _special = new("--special")
    {
        Description = "Names of special tokens in text, such as <|start|>, become their ids; without it they are plain text.",
    };

    private readonly Option<string?> _part = new("--part")
    {
        Description =
            "Scores part i of n of the corpus, as 3/8; 'score merge' joins the parts. Without it, what the variables of a Slurm array, of an "
            + "indexed Kubernetes job or of GNU parallel say (the last two with GPTOSS_PARTS), else the whole.",
        HelpName = "i/n",
    };

    private readonly Option<string?> _compare = new("--compare")
    {
        Description = "Compares with another engine: lines as this command writes them, or for one document a tensor [tokens, vocabulary] of logits, "
            + "log-probabilities or probabilities. Adds kl_top or kl, same_first and top_agreement to each line.",
        HelpName = "FILE",
    };

    private readonly Option<bool> _json = new("--json") { Description = "The summary is one JSON object." };
    private readonly ModelArguments _model = new();

    internal static Command Create(Terminal terminal)
    {
        var options = new ScoreCommand();
        var command = new Command("score", "Scores the documents of a JSON Lines file: log-probabilities of their tokens, perplexity, bits per byte.")
        {
            options._corpus, options._out, options._force, options._top, options._context, options._batch, options._special, options._part,
            options._compare,
            options._json, options._model, ScoreMergeCommand.Create(terminal, options._corpus),
        };
        command.SetAction(parsed => options.Run(parsed, terminal));
        return command;
    }

    private int Run(ParseResult parsed, Terminal terminal)
    {
        ModelOptions modelOptions = _model.Options(parsed, terminal);
        (CorpusPart part, string? source) = Part(parsed.GetValue(_part), terminal);
        (string name, Func<Stream> open) = Input(parsed.GetValue(_corpus), terminal);
        using var model = ModelLoading.Load(
            ModelChoice.Open(_model.Choose(parsed, terminal), terminal), modelOptions, terminal);
        try
        {
            return Score(parsed, terminal, model, (name, open), (part, source));
        }
        catch (LogitsException e)
        {
            throw NotANumber.Located(e, model, terminal.Cancellation);
        }
    }

    private int Score(ParseResult parsed, Terminal terminal, Transformer model, (string Name, Func<Stream> Open) input,
        (CorpusPart Part, string? Source) asked)
    {
        (CorpusPart part, string? source) = asked;
        int? context = parsed.GetValue(_context);
        if (context > model.Config.MaxPositions)
            throw new UsageException($"--context is {context}; the model's context holds {model.Config.MaxPositions}.");
        Tokenizer tokenizer = model.Checkpoint.Tokenizer;
        bool hasSpecials = parsed.GetValue(_special);
        var corpus = Corpus.Open(input.Name, input.Open, model.Config, tokenizer, part, hasSpecials, terminal.Cancellation);
        if (!part.IsWhole || source is not null)
        {
            terminal.Error.WriteLine(
                $"Part {part}{(source is null ? "" : $", as {source} says")}: {corpus.Documents} of {corpus.AllDocuments} documents.");
        }

        if (parsed.GetValue(_out) is { } written && parsed.GetValue(_corpus) is { } read && Path.GetFullPath(written) == Path.GetFullPath(read))
            throw new UsageException("--out names the corpus; give another file to write.");
        using OtherEngine? other = parsed.GetValue(_compare) is { } path ? OtherEngine.Open(path, model.Config.VocabSize) : null;
        ScoreProgress? progress = null;
        var options = new ScoreOptions
        {
            Context = context,
            Top = parsed.GetValue(_top),
            Batch = parsed.GetValue(_batch),
            Other = other,
            Read = (bytes, tokens) => progress!.Read(bytes, tokens),
        };
        var scorer = new Scorer(model, tokenizer, options);
        bool json = parsed.GetValue(_json);
        if (parsed.GetValue(_out) is not { } target)
        {
            progress = new(terminal, corpus.Documents, 0, corpus.LineBytes);
            Report(Print(scorer, corpus, progress, terminal), part, json, terminal.Error);
            return ExitCodes.Ok;
        }
        using ScoreFile file = Open(target, ScoreRun.Of(corpus, model, options, hasSpecials), parsed.GetValue(_force));
        progress = new(terminal, corpus.Documents, file.Next, corpus.LineBytes * (1 - file.Next / (double)Math.Max(1, corpus.Documents)));
        if (file.IsComplete)
            terminal.Error.WriteLine($"{target} is finished already.");
        else if (file.Summary.Documents > 0)
            terminal.Error.WriteLine($"Going on after {file.Summary.Documents} of {corpus.Documents} documents in {ScoreFile.PartialOf(target)}.");
        try
        {
            Write(scorer, corpus, file, progress, terminal.Cancellation);
        }
        catch (OperationCanceledException)
        {
            progress.End();
            terminal.Error.WriteLine(
                $"Stopped after {file.Summary.Documents} of {corpus.Documents} documents, which {ScoreFile.PartialOf(target)} keeps; the same " +
                    $"command goes on from there.");
            return ExitCodes.Cancelled;
        }
        Report(file.Summary, part, json, terminal.Out);
        return ExitCodes.Ok;
    }

    /// <summary>Scores to standard output.</summary>
    private static ScoreSummary Print(Scorer scorer, Corpus corpus, ScoreProgress progress, Terminal terminal)
    {
        var summary = new ScoreSummary();
        foreach (DocumentScore score in scorer.Score(corpus.Read(), terminal.Cancellation))
        {
            progress.Finished();
            terminal.Out.Write(score.ToJson() + "\n");
            terminal.Out.Flush();
            summary.Add(score.Totals);
        }
        progress.End();
        return summary;
    }

    /// <summary>Scores what a file lacks.</summary>
    private static void Write(Scorer scorer, Corpus corpus, ScoreFile file, ScoreProgress progress, CancellationToken cancellation)
    {
        if (file.IsComplete)
            return;
        foreach (DocumentScore score in scorer.Score(corpus.Read(file.Next), cancellation))
        {
            progress.Finished();
            file.Append(score);
        }
        progress.End();
        file.Finish();
    }

    private static ScoreFile Open(string target, ScoreRun run, bool force)
    {
        try
        {
            return ScoreFile.Open(target, run, force);
        }
        catch (ScoringException e)
        {
            throw new UsageException(e.Message);        // what is there is not what this command line writes
        }
    }

    /// <summary>Writes the summary.</summary>
    internal static void Report(ScoreSummary summary, CorpusPart part, bool json, TextWriter writer) =>
        writer.Write(json ? ScoreReport.Json(summary, part) + "\n" : ScoreReport.Table(summary, part));

    /// <summary>The part that was asked for, else the one that a scheduler names, else the whole.</summary>
    private static (CorpusPart Part, string? Source) Part(string? asked, Terminal terminal)
    {
        if (asked is null)
            return SchedulerPart.Of(terminal.Variable) is { } found ? (found.Part, found.Source) : (CorpusPart.Whole, null);
        return CorpusPart.TryParse(asked, out CorpusPart part) ? (part, null)
            : throw new UsageException($"--part is '{asked}'; expected part i of n, such as 3/8, with n at most {CorpusPart.MostParts}.");
    }

    private static (string Name, Func<Stream> Open) Input(string? corpus, Terminal terminal)
    {
        // Input that can be read only once is kept: a corpus is read twice, to be checked and to be scored.
        if (corpus is null or "-")
        {
            if (corpus is null && !terminal.IsInputRedirected)
                throw new UsageException("There is no corpus; name a file with one JSON object a line, or pipe it in.");
            byte[] text = Encoding.UTF8.GetBytes(terminal.In.ReadToEnd());
            return ("standard input", () => new MemoryStream(text, writable: false));
        }
        if (Directory.Exists(corpus))
            throw new InputException($"{corpus} is a folder; expected a file.");
        if (!File.Exists(corpus))
            throw new InputException($"There is no file '{corpus}'.");
        string name = Path.GetFileName(corpus);
        using FileStream file = File.OpenRead(corpus);
        if (file.CanSeek)
            return (name, () => File.OpenRead(corpus));
        using var pipe = new MemoryStream();
        byte[] block = new byte[1 << 16];
        for (int count; (count = file.Read(block)) > 0; pipe.Write(block, 0, count))
        {
            if (pipe.Length + count > MostPipedBytes)
                throw new InputException($"{name} is not a file and has more than {MostPipedBytes} bytes; a longer corpus is read from a file.");
        }
        byte[] bytes = pipe.ToArray();
        return (name, () => new MemoryStream(bytes, writable: false));
    }
}
