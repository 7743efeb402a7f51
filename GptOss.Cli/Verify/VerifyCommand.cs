using System.CommandLine;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Oracle.Verification;

namespace GptOss.Cli.Verify;

/// <summary><c>gptoss verify</c>: runs what the published reference recorded and says, stage by stage, how far this program lies from it.</summary>
internal sealed class VerifyCommand
{
    private const long SmallBytes = 64_000_000;

    private readonly Option<string?> _pack = new("--pack")
    {
        Description = "Verifies this pack only; one of 'gptoss pack' or 'gptoss trace', too.",
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

    private readonly Option<Precision?> _profile = Arguments.Profile("Verifies this profile only.");
    private readonly Option<int?> _threads = Arguments.Threads();
    private readonly Option<RegisterWidth?> _width = Arguments.Width();
    private readonly Option<bool> _json = new("--json") { Description = "Prints one JSON object." };

    internal static Command Create(Terminal terminal)
    {
        var options = new VerifyCommand();
        var command = new Command("verify", "Runs the golden packs and compares every stage with the published reference.")
        {
            options._pack, options._model, options._noChecksums, options._all, options._scratch, options._profile, options._threads, options._width, options._json,
        };
        command.SetAction(parsed => options.Run(parsed, terminal));
        return command;
    }

    private int Run(ParseResult parsed, Terminal terminal)
    {
        ModelOptions modelOptions = Arguments.Model(Precision.Bfloat16, parsed.GetValue(_width), parsed.GetValue(_threads));
        Precision? profile = parsed.GetValue(_profile);
        string? pack = parsed.GetValue(_pack), model = parsed.GetValue(_model), scratch = parsed.GetValue(_scratch);
        if (pack is not null && parsed.GetValue(_all))
            throw new UsageException("--pack and --all exclude each other.");
        List<GoldenPack> packs = pack is null ? Packs(parsed.GetValue(_all), profile, scratch) : [One(pack, profile)];
        var options = new VerifyOptions
        {
            Model = pack is null ? null : model ?? ToyOf(packs[0]),
            Precision = profile,
            Width = modelOptions.Width,
            Threads = modelOptions.Threads,
            Checksums = !parsed.GetValue(_noChecksums),
            Reading = new ReadingProgress(terminal, " --no-checksums leaves that out."),
            ScratchFolder = scratch,
            Progress = new Notices(terminal.Error),
        };
        bool json = parsed.GetValue(_json);
        var reports = new List<PackReport>();
        void Add(PackReport report)
        {
            reports.Add(report);
            if (!json)
                VerifyText.Print(report, terminal);
            terminal.Out.Flush();
        }

        foreach (GoldenPack each in packs)
            Add(Verifier.Verify(each, options, terminal.Cancellation));
        if (pack is null && profile is null or Precision.Bfloat16 && ReleasedWeights(model, terminal) is { } released)
        {
            using var transformer = Transformer.Load(released, modelOptions);
            terminal.Error.WriteLine("Comparing the released weights with the published figures.");
            Add(Published(transformer, terminal.Cancellation));
        }

        bool passed = reports.TrueForAll(report => report.Passed);
        if (json)
            terminal.Out.WriteLine(VerifyJson.Of(reports, passed));
        else if (reports.Count > 1)
            VerifyText.Summarise(reports, terminal);
        return passed ? ExitCodes.Ok : ExitCodes.Differs;
    }

    private static GoldenPack One(string folder, Precision? profile)
    {
        GoldenPack pack = GoldenPack.Open(folder);
        return profile is not { } asked || pack.Has(asked) ? pack
            : throw new UsageException($"The pack {pack.Name} has no recording in {asked.Name()}.");
    }

    // A trace of the bundled toy may lie anywhere, and the toy comes with the program.
    private static string? ToyOf(GoldenPack pack) => pack.CheckpointName == ModelChoice.ToyName ? ModelChoice.Bundled(ModelChoice.ToyName) : null;

    /// <summary>The packs of the repository, small ones first; the large ones only where there is room for their checkpoints.</summary>
    private static List<GoldenPack> Packs(bool all, Precision? profile, string? scratch)
    {
        string folder = ModelChoice.TestData("goldens")
            ?? throw new InputException("The golden packs are not with this program; run it from the repository, or name a pack with --pack.");
        List<(GoldenPack Pack, long Bytes)> packs =
        [
            .. Directory.EnumerateDirectories(folder).Where(pack => File.Exists(Path.Combine(pack, "manifest.json"))).Order(StringComparer.Ordinal)
                .Select(GoldenPack.Open).Where(pack => profile is not { } asked || pack.Has(asked))
                .Select(pack => (Pack: pack, Bytes: CheckpointBytes(pack)))
                .Where(pack => all || pack.Bytes < SmallBytes).OrderBy(pack => pack.Bytes >= SmallBytes),
        ];
        long largest = packs.Select(pack => pack.Bytes).DefaultIfEmpty().Max();
        string place = scratch ?? Path.GetTempPath();
        if (FreeBytes(place) is { } free && free < largest)
        {
            throw new InputException(
                $"{place} has {Text.Bytes(free)} free, and the largest checkpoint takes {Text.Bytes(largest)}; name another folder with --scratch.");
        }
        return [.. packs.Select(pack => pack.Pack)];
    }

    /// <summary>Bytes of the checkpoint that is made for a pack; 0 where it names one.</summary>
    private static long CheckpointBytes(GoldenPack pack) =>
        pack.ConfigJson is { } config && pack.CheckpointName is null ? SyntheticCheckpoint.FileBytes(config) : 0;

    private static long? FreeBytes(string folder)
    {
        try
        {
            string full = Path.GetFullPath(folder);
            return new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(full)! : full).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;                               // no answer, as on some network drives: writing will tell
        }
    }

    /// <summary>The weights that figures have been published about: those that were named, or the 20b if it has been downloaded.</summary>
    private static Checkpoint? ReleasedWeights(string? model, Terminal terminal)
    {
        if (model is null && !ModelChoice.IsDownloaded(ModelChoice.RealName, terminal))
            return null;
        Checkpoint checkpoint = ModelChoice.Open(model ?? ModelChoice.RealName, terminal);
        if (PublishedFigures.For(checkpoint.Config).Count > 0)
            return checkpoint;
        checkpoint.Dispose();
        throw new UsageException(
            "Figures have been published about gpt-oss-20b and gpt-oss-120b, and --model is of neither shape; to run a pack on it, give --pack too.");
    }

    /// <summary>The published figures of a model as a report; of log-probabilities the one that comes nearest to its tolerance.</summary>
    private static PackReport Published(Transformer model, CancellationToken cancellation)
    {
        var stages = new List<StageReport>();
        IReadOnlyList<PublishedFigure> figures = PublishedFigures.For(model.Config);
        foreach (PublishedFigure figure in figures)
        {
            FigureReport report = PublishedFigures.Check(model, figure, cancellation);
            if (report.Steps.MaxBy(step => Math.Abs(step.Found - step.Expected) / step.Allowed) is { } worst)
            {
                bool passed = report.Steps.All(step => step.Passed);
                double error = Math.Abs(worst.Found - worst.Expected);
                stages.Add(new($"log-probabilities, '{figure.Prompt}'", error, worst.Allowed, report.Steps.Count, null, passed));
            }
            stages.Add(new($"continuation, '{figure.Prompt}'", report.TextMatches ? 0 : double.PositiveInfinity, 0, 1, null, report.TextMatches));
        }
        return new($"{figures[0].Model}, published figures", PackKind.Greedy, [new("bfloat16", Precision.Bfloat16, stages, [])]);
    }

    private sealed class Notices(TextWriter error) : IProgress<string>
    {
        public void Report(string value) => error.WriteLine(value);
    }
}
