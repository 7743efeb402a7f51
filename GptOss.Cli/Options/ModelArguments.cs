using System.Collections;
using System.CommandLine;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Cuda;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Cli.Options;

/// <summary>Which model runs, and how: the options of every command that runs one.</summary>
/// <param name="profile">What <c>--profile</c> says to the user.</param>
internal sealed class ModelArguments(string profile = RunArguments.Rounding) : IEnumerable<Option>
{
    private readonly Option<string?> _model = ModelChoice.Option();
    private readonly RunArguments _run = new(profile);
    private readonly Option<bool> _preload = new("--preload")
    {
        Description =
            "Reads the weights into private memory first, on large pages where the system has them. For machines that drop mapped pages which have "
            + "not been used for a while. Changes no bit of the result.",
    };

    private readonly Option<bool> _lock = new("--mlock")
    {
        Description = "Reads the weights first and keeps them in memory, where the system lets this process lock so much. Changes no bit of the "
            + "result.",
    };

    private readonly Option<bool> _pack = new("--pack")
    {
        Description =
            "Packs the dense weights first, without loss: decode reads about a sixth less, for some seconds and, with the 20b, 1.9 GB of memory. "
            + "Changes no bit of the result.",
    };

    private readonly Option<Dense?> _dense = Arguments.Word("--dense",
        "With --profile fast: the dense weights as stored, the default, or q8, rounded to 8 bits when the model is loaded.",
        ("stored", Dense.Stored), ("q8", Dense.Q8));

    private readonly Option<YarnBounds?> _yarnBounds = Arguments.Word("--yarn-bounds",
        "The bounds of YaRN's ramp: published, the default, not rounded; rounded, to whole channels as llama.cpp does, to compare with it.",
        ("published", YarnBounds.Published), ("rounded", YarnBounds.Rounded));

    /// <summary>What <c>--model</c> names; null where it is not given.</summary>
    internal string? Named(ParseResult parsed) => parsed.GetValue(_model);

    /// <summary>What <c>--model</c> names, else the real model if it is there, else the toy.</summary>
    internal string Choose(ParseResult parsed, Terminal terminal) => ModelChoice.Resolve(Named(parsed), terminal);

    /// <summary>The profile that was named; null where none was.</summary>
    internal Precision? ProfileOf(ParseResult parsed) => _run.ProfileOf(parsed);

    /// <summary>Opens the GPU that <c>--device</c> names; null for the processor.</summary>
    /// <exception cref="DeviceException">It cannot be opened.</exception>
    internal CudaDevice? DeviceOf(ParseResult parsed, Terminal terminal) => _run.DeviceOf(parsed, terminal);

    /// <summary>Whether the bounds of YaRN are to be rounded.</summary>
    internal bool RoundsYarnBounds(ParseResult parsed) => parsed.GetValue(_yarnBounds) == YarnBounds.Rounded;

    /// <summary>The options that have no meaning where no model runs.</summary>
    internal IEnumerable<Option> ForRunning =>
        this.Where(option => option != _model && option != _yarnBounds && option != _dense && option.Name is not ("--profile" or DeviceChoice.Name));

    /// <summary>How the model is to run.</summary>
    /// <exception cref="UsageException">The machine lacks the width.</exception>
    internal ModelOptions Options(ParseResult parsed, Terminal terminal)
    {
        if (RoundsYarnBounds(parsed))
            terminal.Error.WriteLine("The bounds of YaRN are rounded, as llama.cpp does: the numbers are not the published model's.");
        bool rounds = parsed.GetValue(_dense) == Dense.Q8;
        if (rounds && ProfileOf(parsed) != Precision.Fast)
            throw new UsageException("--dense q8 changes the numbers, and goes with --profile fast only.");
        return _run.Options(parsed, terminal) with
        {
            Preload = parsed.GetValue(_preload),
            Lock = parsed.GetValue(_lock),
            Loading = new LoadingProgress(terminal),
            Pack = parsed.GetValue(_pack),
            RoundDense = rounds,
            RoundYarnBounds = RoundsYarnBounds(parsed),
        };
    }

    public IEnumerator<Option> GetEnumerator() => new List<Option>([_model, .. _run, _yarnBounds, _dense, _preload, _lock, _pack]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private enum Dense
    {
        Stored,
        Q8,
    }

    private enum YarnBounds
    {
        Published,
        Rounded,
    }
}
