using System.Collections;
using System.CommandLine;
using System.Globalization;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Cuda;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Cli.Options;

/// <summary>
/// How a model runs: <c>--profile</c>, <c>--threads</c>, <c>--width</c>, <c>--device</c>. Only the first changes a bit of the result.
/// </summary>
/// <param name="profile">What <c>--profile</c> says to the user.</param>
internal sealed class RunArguments(string profile = RunArguments.Rounding) : IEnumerable<Option>
{
    internal const string Rounding = "Where values are rounded: float32, the default, nowhere; bfloat16 where the published reference rounds; "
        + "fast, activations to 8 bits where they meet MXFP4 or Q8_0 weights, which is quicker and less exact.";

    private readonly Option<Precision?> _profile = Profile(profile);
    private readonly Option<int?> _threads = Arguments.Number("--threads",
        "Worker threads; the physical cores if not given. Changes no bit of the result.", 1, 1024);

    private readonly Option<RegisterWidth?> _width = Arguments.Word("--width",
        "Register width; the widest there is if not given. Changes no bit of the result.",
        ("scalar", RegisterWidth.Scalar), ("128", RegisterWidth.V128), ("256", RegisterWidth.V256), ("512", RegisterWidth.V512));

    private readonly Option<DeviceChoice?> _device = DeviceChoice.Option();

    /// <summary><c>--profile</c> alone, for commands that run no model.</summary>
    internal static Option<Precision?> Profile(string description) =>
        Arguments.Word("--profile", description, [.. Profiles.All.Select(profile => (profile.Name(), profile))]);

    /// <summary>A width as <c>--width</c> spells it.</summary>
    internal static string Name(RegisterWidth width) =>
        width == RegisterWidth.Scalar ? "scalar" : ((int)width).ToString(CultureInfo.InvariantCulture);

    /// <summary>The profile that was named; null where none was.</summary>
    internal Precision? ProfileOf(ParseResult parsed) => parsed.GetValue(_profile);

    /// <summary>Opens the GPU that <c>--device</c> names; null for the processor.</summary>
    /// <exception cref="DeviceException">It cannot be opened.</exception>
    internal CudaDevice? DeviceOf(ParseResult parsed, Terminal terminal) => parsed.GetValue(_device)?.Open(terminal);

    /// <summary>How the model is to run. Threads beyond the processors are dropped, and standard error says so.</summary>
    /// <exception cref="UsageException">The machine lacks the width.</exception>
    /// <exception cref="DeviceException">The GPU cannot be opened.</exception>
    internal ModelOptions Options(ParseResult parsed, Terminal terminal)
    {
        RegisterWidth width = parsed.GetValue(_width) ?? RegisterWidths.Widest;
        if (!width.IsSupported())
        {
            IEnumerable<string> supported = Enum.GetValues<RegisterWidth>().Where(RegisterWidths.IsSupported).Select(Name);
            throw new UsageException($"This machine has no {Name(width)}-bit registers; --width can be {Arguments.List(supported)}.");
        }
        int? threads = parsed.GetValue(_threads);
        int processors = Environment.ProcessorCount;
        if (threads > processors)
        {
            terminal.Error.WriteLine(
                $"--threads is {threads}, and this program has {Text.Count(processors, "processor")}; it runs one thread on each.");
            threads = processors;
        }
        return new()
        {
            Precision = ProfileOf(parsed) ?? Precision.Float32, Width = width, Threads = threads, Cancellation = terminal.Cancellation,
            Device = DeviceOf(parsed, terminal),
        };
    }

    public IEnumerator<Option> GetEnumerator() => new List<Option> { _profile, _threads, _width, _device }.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
