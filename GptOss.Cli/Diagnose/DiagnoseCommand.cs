using System.CommandLine;
using GptOss.Cli.Options;
using GptOss.Cli.Terminals;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Defects;
using GptOss.Reference.Oracle.Diagnosis;
using GptOss.Reference.Oracle.Diff;
using GptOss.Reference.Oracle.Dumps;

namespace GptOss.Cli.Diagnose;

/// <summary><c>gptoss diagnose</c>: which known mistake reproduces another program's numbers.</summary>
internal sealed class DiagnoseCommand
{
    private readonly Option<string?> _logits = new("--logits")
    {
        Description = "Logits of another program: safetensors, .npy, .npz or JSON, one row a position; the tensor 'logits', or the only one.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _trace = new("--trace")
    {
        Description = "Stages and logits of another program; where no mistake explains the logits, the first wrong stage is named.",
        HelpName = "DUMP",
    };

    private readonly Option<string?> _logprobs = new("--logprobs")
    {
        Description = "Log-probabilities as servers return them: a JSON list with {\"id\": logprob} for the token after each position, or null.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _chosen = new("--chosen")
    {
        Description = "A greedy continuation of the ids: a JSON list of ids. With --positions, the most probable id after each of those.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _ids = new("--ids")
    {
        Description = "The prompt: a JSON array of token ids. Not needed where the dump holds it.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _positions = new("--positions")
    {
        Description = "The positions of the dump's rows, ascending, as 0,5,9; or last. Without it, there is a row for every id.",
        HelpName = "LIST",
    };

    private readonly ModelArguments _model = new(
        "Where values are rounded: float32 nowhere; bfloat16 where the published reference rounds. If not given: bfloat16 where the " +
            "dump holds nothing else.");

    private readonly Option<LogitsKind?> _as = ReadAsOption.Create();
    private readonly Option<string?> _defects = new("--defects")
    {
        Description = "The mistakes to try, as sink-ignored,window-ignored. Without it, all.",
        HelpName = "LIST",
    };

    private readonly Option<bool> _suggest = new("--suggest-prompt")
    {
        Description = "Looks for a prompt that shows the mistakes which this one cannot.",
    };

    private readonly Option<bool> _json = new("--json") { Description = "Prints one JSON object." };

    internal static Command Create(Terminal terminal)
    {
        var options = new DiagnoseCommand();
        var command = new Command("diagnose", "Says which known porting mistake explains the logits of another program.")
        {
            options._logits, options._trace, options._logprobs, options._chosen, options._ids, options._positions, options._as, options._defects,
            options._suggest, options._json, options._model,
        };
        command.SetAction(parsed => options.Run(parsed, terminal));
        return command;
    }

    private int Run(ParseResult parsed, Terminal terminal)
    {
        string? logits = parsed.GetValue(_logits), trace = parsed.GetValue(_trace), logprobs = parsed.GetValue(_logprobs),
            chosen = parsed.GetValue(_chosen);
        if (new[] { logits, trace, logprobs, chosen }.Count(file => file is not null) != 1)
            throw new UsageException("Give one of --logits, --trace, --logprobs and --chosen.");
        LogitsKind? kind = parsed.GetValue(_as);
        if (kind is not null && (logprobs ?? chosen) is not null)
            throw new UsageException("--as says what the logits of --logits or --trace are.");
        IReadOnlyList<Defect> defects = Defects(parsed.GetValue(_defects));
        Precision? profile = _model.ProfileOf(parsed);
        ModelOptions modelOptions = _model.Options(parsed, terminal);

        using Dump? dump = (logits ?? trace) is { } path ? Dump.Open(path, profile) : null;
        int[] ids = Ids(parsed.GetValue(_ids), dump, terminal);
        int[]? positions = Selection.Positions(parsed.GetValue(_positions), ids.Length);
        using Checkpoint checkpoint = ModelChoice.Open(_model.Choose(parsed, terminal), terminal);
        PromptLimits.Require(checkpoint.Config, ids);
        int vocabulary = checkpoint.Config.VocabSize;
        DumpedRows rows = logits is not null ? DumpedLogits.Of(dump!, vocabulary, ids, positions, kind)
            : trace is not null ? DumpedLogits.OfStages(dump!, vocabulary, ids, positions, kind)
            : logprobs is not null ? DumpedLogProbabilities.Of(ListedLogProbabilities.Read(logprobs), vocabulary, ids, positions)
            : Choices(chosen!, ids, positions, checkpoint.Config);
        foreach (UnreadMember member in dump?.Unread ?? [])
            terminal.Error.WriteLine($"Not read: {TextInput.Quoted(member.Name)} {member.Reason}.");
        modelOptions = modelOptions with { Precision = profile ?? ProfileOf(rows, terminal) };

        using var model = ModelLoading.Load(checkpoint, modelOptions, terminal);
        Func<TracePlace?>? firstWrong = trace is null ? null : () => WrongStage.Find(model, dump!, ids, rows.Positions, terminal.Cancellation);
        DiagnosisResult diagnosis = Diagnoser.Run(model, rows, defects, firstWrong, new DiagnoseProgress(terminal), terminal.Cancellation);
        var report = new DiagnoseReport(diagnosis);
        if (parsed.GetValue(_suggest) && diagnosis.NotTestable.Count > 0)
        {
            report = report with
            {
                Suggests = true,
                Prompt = RevealingPrompt.Find(model, ids, diagnosis.NotTestable, new DiagnoseProgress(terminal), terminal.Cancellation),
            };
        }
        if (parsed.GetValue(_json))
            terminal.Out.WriteLine(report.ToJson());
        else
            terminal.Out.Write(report.ToText());
        return diagnosis.Verdict == Verdict.Sound ? ExitCodes.Ok : ExitCodes.Differs;
    }

    private static IReadOnlyList<Defect> Defects(string? list) => list is null ? Defect.All :
    [
        .. list.Split(',').Distinct().Select(name => Defect.Find(name)
            ?? throw new UsageException($"--defects holds '{name}'; known are {string.Join(", ", Defect.All.Select(defect => defect.Name))}.")),
    ];

    /// <summary>The prompt, from its file or from the dump; where both have it they must agree.</summary>
    private static int[] Ids(string? file, Dump? dump, Terminal terminal)
    {
        int[]? own = dump?.Ids?.ToArray(), given = file is null ? null : PromptIds.Read(file, terminal);
        if (own is not null && given is not null && !own.AsSpan().SequenceEqual(given))
            throw new InputException($"{Path.GetFileName(dump!.Path)} was made with other token ids than {Path.GetFileName(file)} holds.");
        int[] ids = given ?? own ?? throw new UsageException("Give the prompt with --ids: the dump does not hold it.");
        return ids.Length > 0 ? ids : throw new InputException($"{Path.GetFileName(file)}: the array is empty; expected the token ids of a prompt.");
    }

    private static DumpedChoices Choices(string file, int[] ids, int[]? positions, GptOssConfig config)
    {
        int[] chosen = [.. ChosenIds.Read(file)];
        if (Array.Find(chosen, id => id >= config.VocabSize) is > 0 and var unknown)
            throw new InputException($"{Path.GetFileName(file)}: token id {unknown} is unknown; the model has ids 0 to {config.VocabSize - 1}.");
        if (positions is not null)
        {
            return positions.Length == chosen.Length ? DumpedChoices.At(ids, positions, chosen)
                : throw new InputException(
                    $"{Path.GetFileName(file)} holds {chosen.Length} ids for {positions.Length} positions; expected one for each.");
        }
        if (chosen.Length > 1)
            PromptLimits.Require(config, chosen.AsSpan(..^1), ids.Length);           // all but the last are read
        return DumpedChoices.Continuing(ids, chosen);
    }

    private static Precision ProfileOf(DumpedRows rows, Terminal terminal)
    {
        if (rows is DumpedChoices)
        {
            terminal.Error.WriteLine("Profile float32; ids do not tell, so give --profile bfloat16 for a program that computes in bfloat16.");
            return Precision.Float32;
        }
        bool isBfloat16 = rows.HoldsBfloat16;
        terminal.Error.WriteLine(isBfloat16
            ? "Profile bfloat16, because every value of the dump is a bfloat16 value; --profile float32 asks for the other."
            : "Profile float32, because the dump holds values that are not bfloat16 values; --profile bfloat16 asks for the other.");
        return isBfloat16 ? Precision.Bfloat16 : Precision.Float32;
    }
}
