using System.CommandLine;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Verification;

namespace GptOss.Cli.Verify;

/// <summary><c>gptoss verify</c>: runs what the published reference recorded and says, stage by stage, how far this program is from it.</summary>
internal sealed class VerifyCommand
{
    private readonly Option<string?> _pack = new("--pack")
    {
        Description = "Verifies this pack only; one of 'gptoss pack' or 'gptoss trace', too.",
        HelpName = "DIR",
    };

    private readonly Option<string?> _packs = new("--packs")
    {
        Description = "The folder of golden packs, where it is neither beside the program nor in the repository that it or the current folder is in.",
        HelpName = "DIR",
    };

    private readonly Option<string?> _model = new("--model")
    {
        Description = "With --pack, the checkpoint to run in place of the pack's own; "
            + "without, released weights whose published figures are checked too.",
        HelpName = "MODEL",
    };

    private readonly Option<bool> _noChecksums = new("--no-checksums")
    {
        Description = "Compares the lengths of the checkpoint files that a pack lists and not their content. For those that take long to read.",
    };

    private readonly Option<bool> _all = new("--all")
    {
        Description = "Includes packs whose checkpoint is large and is made first: 0.98 GB and 13.8 GB.",
    };

    private readonly Option<string?> _scratch = new("--scratch")
    {
        Description = "Where checkpoints are made, and deleted afterwards; without it, the system's temporary folder.",
        HelpName = "DIR",
    };

    private readonly RunArguments _run = new("Verifies this profile only.");
    private readonly Option<bool> _verbose = new("--verbose") { Description = "Prints every file and stage with its error, budget and verdict." };
    private readonly Option<bool> _json = new("--json") { Description = "Prints one JSON object." };

    internal static Command Create(Terminal terminal)
    {
        var options = new VerifyCommand();
        var command = new Command("verify", "Runs the golden packs and compares every stage with the published reference.")
        {
            options._pack, options._packs, options._model, options._noChecksums, options._all, options._scratch, options._verbose, options._json,
            options._run,
        };
        command.SetAction(parsed => options.Run(parsed, terminal));
        return command;
    }

    private int Run(ParseResult parsed, Terminal terminal)
    {
        ModelOptions modelOptions = _run.Options(parsed, terminal) with { Precision = Precision.Bfloat16 };
        // A GPU has one profile.
        Precision? profile = _run.ProfileOf(parsed) ?? (modelOptions.Device is null ? null : Precision.Float32);
        string? pack = parsed.GetValue(_pack), model = parsed.GetValue(_model), scratch = parsed.GetValue(_scratch);
        if (pack is not null && (parsed.GetValue(_all) || parsed.GetValue(_packs) is not null))
            throw new UsageException($"--pack and {(parsed.GetValue(_all) ? "--all" : "--packs")} exclude each other.");
        List<GoldenPack> packs = pack is not null ? [One(pack, profile)]
            : PackFolder.Open(parsed.GetValue(_packs) ?? PackFolder.Find(AppContext.BaseDirectory, Directory.GetCurrentDirectory()),
                parsed.GetValue(_all), profile, scratch);
        var options = new VerifyOptions
        {
            Model = pack is null ? null : model ?? ToyOf(packs[0]),
            Precision = profile,
            Width = modelOptions.Width,
            Threads = modelOptions.Threads,
            Device = modelOptions.Device,
            Checksums = !parsed.GetValue(_noChecksums),
            Reading = new ReadingProgress(terminal, " --no-checksums leaves that out."),
            ScratchFolder = scratch,
            Progress = new Notices(terminal.Error),
        };
        var text = parsed.GetValue(_json) ? null : new VerifyText(terminal, parsed.GetValue(_verbose));
        var reports = new List<PackReport>();
        foreach (GoldenPack each in packs)
            Add(Verifier.Verify(each, options, terminal.Cancellation));
        if (pack is null && profile != Precision.Float32 && ReleasedWeights.Find(model, terminal) is { } released)
        {
            using var transformer = Transformer.Load(released, modelOptions);
            terminal.Error.WriteLine("Comparing the released weights with the published figures.");
            Add(ReleasedWeights.Check(transformer, terminal.Cancellation));
        }

        bool passed = reports.TrueForAll(report => report.Passed);
        if (text is null)
            terminal.Out.WriteLine(VerifyJson.Of(reports, passed));
        else
            text.Conclude(reports);
        return passed ? ExitCodes.Ok : ExitCodes.Differs;

        void Add(PackReport report)
        {
            reports.Add(report);
            text?.Print(report);
            terminal.Out.Flush();
        }
    }

    private static GoldenPack One(string folder, Precision? profile)
    {
        var pack = GoldenPack.Open(folder);
        return profile is not { } asked || pack.Judges(asked) ? pack
            : throw new UsageException($"The pack {pack.Name} has no recording in {asked.Name()}.");
    }

    // A trace of the bundled toy may be in any folder; the toy itself is beside the program.
    private static string? ToyOf(GoldenPack pack) => pack.CheckpointName == ModelChoice.ToyName ? ModelChoice.Bundled(ModelChoice.ToyName) : null;

    private sealed class Notices(TextWriter error) : IProgress<string>
    {
        public void Report(string value) => error.WriteLine(value);
    }
}
