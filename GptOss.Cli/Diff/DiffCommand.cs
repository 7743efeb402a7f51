using System.CommandLine;
using GptOss.Cli.Options;
using GptOss.Cli.Terminals;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Diff;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Cli.Diff;

/// <summary><c>gptoss diff</c>: where anyone's numbers first leave a reference.</summary>
internal sealed class DiffCommand
{
    private readonly Argument<string> _reference = new("A")
    {
        Description = "The reference: a trace, a golden pack, or a dump as safetensors, .npy, .npz, JSON or a folder of them.",
    };

    private readonly Argument<string?> _candidate = new("B")
    {
        Description = "The candidate, of the same kinds.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _logprobs = new("--logprobs")
    {
        Description = "In place of B: JSON with {\"id\": logprob} for each position, as servers return it.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _chosen = new("--chosen")
    {
        Description = "In place of B: a JSON list of the token ids that were chosen greedily.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _map = new("--map")
    {
        Description = "Names of tensors as JSON, {\"block.N.attn.heads\": \"their.N.name\"}; those of transformers, llama.cpp and gpt_oss are known.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _positions = new("--positions")
    {
        Description = "Positions to compare, as 0,5,9; or last. They are also those of the rows of a dump that has as many and does not say.",
        HelpName = "LIST",
    };

    private readonly Option<string?> _stages = new("--stages")
    {
        Description = "Stages to compare, where * stands for anything, as block.0.*,*.residual,logits.",
        HelpName = "LIST",
    };

    private readonly Option<string?> _budget = new("--budget")
    {
        Description = "Budgets in place of the published ones, as a pack's manifest has them.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _model = new("--model")
    {
        Description = "The checkpoint whose shape and budgets count, where no manifest tells.",
        HelpName = "MODEL",
    };

    private readonly Option<Precision?> _profile = RunArguments.Profile(
        "Whose budgets count. Without it: bfloat16 where the tensors of one side hold only bfloat16 values or float16, else float32.");

    private readonly Option<LogitsKind?> _as = ReadAsOption.Create();
    private readonly Option<bool> _exact = new("--exact") { Description = "Exit code 1 also where the two are not the same, bit for bit." };
    private readonly Option<bool> _json = new("--json") { Description = "Prints one JSON object." };

    internal static Command Create(Terminal terminal)
    {
        var options = new DiffCommand();
        var command = new Command("diff", "Compares two traces or dumps stage by stage and says where B first leaves A, the reference.")
        {
            options._reference, options._candidate, options._logprobs, options._chosen, options._map, options._positions, options._stages,
            options._budget,
            options._model, options._profile, options._as, options._exact, options._json,
        };
        command.SetAction(parsed => options.Run(parsed, terminal));
        return command;
    }

    private int Run(ParseResult parsed, Terminal terminal)
    {
        string? candidate = parsed.GetValue(_candidate), logprobs = parsed.GetValue(_logprobs), chosen = parsed.GetValue(_chosen);
        if (new[] { candidate, logprobs, chosen }.Count(given => given is not null) != 1)
            throw new UsageException("Give the reference A and one thing to compare with it: B, --logprobs or --chosen.");
        if (candidate is null && parsed.GetValue(_as) is not null)
            throw new UsageException("--as says what the logits of B are; --logprobs and --chosen say it themselves.");
        Precision? profile = parsed.GetValue(_profile);
        var options = new DiffOptions
        {
            Precision = profile,
            Budgets = parsed.GetValue(_budget) is { } budgets ? Budgets.Read(budgets) : null,
            Map = parsed.GetValue(_map) is { } map ? StageMap.Read(map) : StageMap.BuiltIn,
            Stages = Selection.Stages(parsed.GetValue(_stages)),
            Positions = Positions(parsed.GetValue(_positions)),
            As = parsed.GetValue(_as),
        };
        using var reference = Dump.Open(parsed.GetValue(_reference)!, profile);
        using Dump? other = candidate is null ? null : Dump.Open(candidate, profile ?? reference.Precision);
        options = options with { Config = Config(parsed.GetValue(_model), reference, other, terminal) };
        TraceDifference difference = other is not null ? TraceDiff.Compare(reference, other, options, terminal.Cancellation)
            : logprobs is not null ? ListedDiff.Compare(reference, ListedLogProbabilities.Read(logprobs), options)
            : ListedDiff.CompareChosen(reference, ChosenIds.Read(chosen!), chosen!, options);

        foreach (string note in difference.Notes)
            terminal.Error.WriteLine(note);
        if (parsed.GetValue(_json))
            terminal.Out.WriteLine(DiffJson.Of(difference));
        else
            DiffText.Print(difference, terminal);
        return difference.IsWithinBudget && (difference.IsIdentical || !parsed.GetValue(_exact)) ? ExitCodes.Ok : ExitCodes.Differs;
    }

    /// <summary>The numbers of --model, of a manifest, or of a checkpoint that a manifest names and that is at hand.</summary>
    private static GptOssConfig? Config(string? model, Dump reference, Dump? other, Terminal terminal)
    {
        if (model is null && TraceDiff.ConfigOf(reference) is { } stated)
            return stated;
        if (model is null && other is not null && TraceDiff.ConfigOf(other) is { } theirs)
            return theirs;
        if (model is null && (reference.Pack?.CheckpointName ?? other?.Pack?.CheckpointName) == ModelChoice.ToyName)
            model = ModelChoice.Bundled(ModelChoice.ToyName);
        if (model is null)
            return null;
        using Checkpoint checkpoint = ModelChoice.Open(model, terminal);
        return checkpoint.Config;
    }

    private static PositionChoice? Positions(string? list) => list is null ? null
        : string.Equals(list, "last", StringComparison.OrdinalIgnoreCase) ? PositionChoice.Last
        : new PositionChoice(Selection.Positions(list, int.MaxValue));
}
