using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Synth;
using GptOss.Cli.Terminals;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Cuda;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Cli.Inspect;

/// <summary><c>gptoss inspect</c>: what a model consists of and what running it takes, with or without its weights.</summary>
internal static partial class InspectCommand
{
    internal static Command Create(Terminal terminal)
    {
        var model = new ModelArguments();
        var shape = new Option<string?>("--shape")
        {
            Description = "20b, 120b, or a configuration file of either dialect: no weights are needed.",
            HelpName = "20b|120b|FILE",
        };
        var tensors = new Option<bool>("--tensors") { Description = "Lists every tensor instead of one line for all layers." };
        Option<int?> context = Arguments.Number("--context",
            "Tokens, prompt and answer together, for the memory needed; 4096 if not given.", 1, int.MaxValue);
        var check =
            new Option<bool>("--check") { Description = "Reads every weight and refuses the first that is not a finite number: a bfloat16 NaN or " +
                "infinity, an MXFP4 scale of 255." };
        var json = new Option<bool>("--json") { Description = "Prints one JSON object." };
        var command =
            new Command("inspect", "Shows configuration, tensors, the model card's parameter table, and the memory needed; or how a text is routed.")
        {
            shape, tensors, context, check, json,
        };
        var routing = new InspectRouting(model);
        routing.AddTo(command);
        command.Add(model);
        command.SetAction(parsed =>
        {
            if (routing.IsAsked(parsed))
            {
                if (Array.Find((Option[])[shape, tensors, context, check], option => parsed.GetResult(option) is { Implicit: false }) is { } other)
                    throw new UsageException($"--routing and {other.Name} exclude each other.");
                return routing.Run(parsed, parsed.GetValue(json), terminal);
            }
            if (model.Named(parsed) is not null && parsed.GetValue(shape) is not null)
                throw new UsageException("--model and --shape exclude each other; a model has its own shape.");
            if (parsed.GetValue(check) && parsed.GetValue(shape) is not null)
                throw new UsageException("--check reads weights, and --shape has none; name a checkpoint with --model.");
            using Subject subject = parsed.GetValue(shape) is { } named ? Subject.OfShape(named, model.RoundsYarnBounds(parsed))
                : Subject.OfModel(model.Named(parsed), model.RoundsYarnBounds(parsed), terminal);
            int positions = parsed.GetValue(context) ?? Math.Min(4096, subject.Config.MaxPositions);
            if (positions > subject.Config.MaxPositions)
                throw new UsageException($"--context is {positions}; the model's context holds {subject.Config.MaxPositions}.");
            MemoryNeed memory =
                MemoryNeed.Of(subject.Config, positions, model.ProfileOf(parsed) ?? Precision.Float32) with { Weights = subject.TensorBytes };
            using CudaDevice? gpu = model.DeviceOf(parsed, terminal);
            InspectDevice? device = gpu is null ? null : InspectDevice.Of(gpu, subject.Config, positions, new ModelOptions());
            long? numbers = parsed.GetValue(check) ? subject.CheckNumbers(terminal.Cancellation) : null;
            if (parsed.GetValue(json))
                terminal.Out.WriteLine(InspectJson.Of(subject, memory, positions, numbers, device));
            else
                Print(subject, memory, positions, numbers, device, parsed.GetValue(tensors), terminal.Out);
            return ExitCodes.Ok;
        });
        return command;
    }

    /// <summary>The parts of the model card's Table 1, in its order; the final norm is in the total only.</summary>
    internal static (string Name, long Count)[] CardRows(ParameterCount count) =>
    [
        ("MLP", count.Mlp), ("attention", count.Attention), ("embed + unembed", count.Embedding + count.Unembedding),
        ("active", count.Active), ("total", count.Total),
    ];

    /// <summary>Memory that this process may use; in a container, what the container allows.</summary>
    internal static long PresentBytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    private static void Print(Subject subject, MemoryNeed memory, int context, long? numbers, InspectDevice? device, bool allTensors,
        TextWriter to)
    {
        GptOssConfig c = subject.Config;
        to.WriteLine(subject.Title);
        to.WriteLine();
        to.WriteLine("Configuration");
        to.WriteLine(Text.Table([.. Configuration(c).Select(row => new[] { "  " + row.Name, row.Value })]));

        var count = ParameterCount.From(c);
        to.WriteLine("Parameters, as the model card's Table 1 counts them");
        to.WriteLine(Text.Table(
        [
            .. CardRows(count).Select(row => new[] { "  " + row.Name, Grouped(row.Count), Text.Billions(row.Count) }),
            ["  checkpoint", $"{Grouped(count.TensorBytes)} bytes", Text.Short(count.TensorBytes)],
            ["  in MXFP4", Grouped(count.Mxfp4), string.Create(CultureInfo.InvariantCulture, $"{100 * count.Mxfp4Share:F1} %")],
        ], 1, 2));

        to.WriteLine($"Tensors: {subject.Tensors.Count}{(allTensors ? "" : ", one line for the same tensor of several layers")}");
        to.WriteLine(TensorTable(subject, allTensors));

        to.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Memory for one sequence of {context:N0} tokens"));
        to.WriteLine(Text.Table(
        [
            ["  weights, mapped from the files", Text.Bytes(memory.Weights)],
            ["  keys and values, sliding layers", Text.Bytes(memory.SlidingCache)],
            ["  keys and values, full layers", Text.Bytes(memory.FullCache)],
            ["  scratch", Text.Bytes(memory.Scratch)],
            ["  total", Text.Bytes(memory.Total)],
            ["  present", Text.Bytes(PresentBytes)],
        ]).TrimEnd());
        to.WriteLine(memory.Total <= PresentBytes ? "  It fits."
            : memory.Private <= PresentBytes ? "  It runs, but weights are read from disk repeatedly; a smaller --context or more memory helps."
            : "  It does not fit.");
        if (device is not null)
        {
            to.WriteLine();
            to.WriteLine(device.Table());
        }
        if (numbers is { } checkedNumbers)
        {
            to.WriteLine();
            to.WriteLine($"Numbers: {Grouped(checkedNumbers)} values and scales read, all finite.");
        }
    }

    private static string TensorTable(Subject subject, bool all)
    {
        static string[] Row(string name, Tensor t, string last) => ["  " + name, t.Format, Shape(t.Shape), Grouped(t.Bytes), last];
        if (all)
            return Text.Table([.. subject.Tensors.Select(t => Row(t.Name, t, t.File ?? ""))], 3);
        return Text.Table(
        [
            .. subject.Tensors
                .GroupBy(t => (Name: LayerPattern().Replace(t.Name, ".N.", 1), t.Format, Shape: Shape(t.Shape)))
                .Select(group => Row(group.Key.Name, group.First(), group.Count() > 1 ? $"× {group.Count()}" : "")),
        ], 3);
    }

    private static IEnumerable<(string Name, string Value)> Configuration(GptOssConfig c)
    {
        static string S<T>(T value) where T : IFormattable => value.ToString(null, CultureInfo.InvariantCulture);
        yield return ("layers", S(c.NumHiddenLayers));
        yield return ("hidden size", S(c.HiddenSize));
        yield return ("query heads", S(c.NumAttentionHeads));
        yield return ("key/value heads", S(c.NumKeyValueHeads));
        yield return ("head dimension", S(c.HeadDim));
        int sliding = Enumerable.Range(0, c.NumHiddenLayers).Count(layer => c.WindowOf(layer) is not null);
        yield return ("sliding window", sliding == 0 ? "none" : $"{S(c.SlidingWindow)}, in {sliding} layers");
        yield return ("experts", $"{S(c.NumExperts)}, {S(c.ExpertsPerToken)} for each token");
        yield return ("expert width", S(c.IntermediateSize));
        yield return ("SwiGLU limit", S(c.SwigluLimit));
        yield return ("vocabulary", S(c.VocabSize));
        yield return ("context", S(c.MaxPositions));
        yield return ("rotary base", S(c.RopeTheta));
        yield return ("YaRN", c.RopeScalingFactor <= 1 ? "none"
            : $"factor {S(c.RopeScalingFactor)} over {S(c.InitialContextLength)} positions, bounds {S(c.RopeNtkAlpha)} and {S(c.RopeNtkBeta)}"
                + (c.RoundsYarnBounds ? ", rounded to whole channels" : ""));
        yield return ("RMSNorm epsilon", S(c.RmsNormEps));
    }

    private static string Grouped(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Shape(IReadOnlyList<long> shape) => $"[{string.Join(", ", shape)}]";

    [GeneratedRegex(@"\.[0-9]+\.")]
    private static partial Regex LayerPattern();

    /// <summary>A tensor of a checkpoint or of a shape.</summary>
    internal readonly record struct Tensor(string Name, string Format, IReadOnlyList<long> Shape, long Bytes, string? File);

    /// <summary>What is inspected: a checkpoint, or a shape alone.</summary>
    internal sealed class Subject : IDisposable
    {
        private readonly Checkpoint? _checkpoint;

        private Subject(string title, GptOssConfig config, IReadOnlyList<Tensor> tensors, Checkpoint? checkpoint) =>
            (Title, Config, Tensors, _checkpoint) = (title, config, tensors, checkpoint);

        internal string Title { get; }

        internal GptOssConfig Config { get; }

        internal IReadOnlyList<Tensor> Tensors { get; }

        /// <summary>Bytes of all tensors as they are stored.</summary>
        internal long TensorBytes => Tensors.Sum(tensor => tensor.Bytes);

        internal string? Folder => _checkpoint?.Folder;

        internal CheckpointLayout? Layout => _checkpoint?.Layout;

        internal static Subject OfShape(string shape, bool roundsYarnBounds)
        {
            GptOssConfig config = shape switch
            {
                "20b" => PublishedShapes.Gpt20b,
                "120b" => PublishedShapes.Gpt120b,
                _ when Path.Exists(shape) => ConfigReader.Read(shape),
                _ => throw SynthCommand.NoSuchShape(shape),
            };
            IEnumerable<ExpectedTensor> inventory = TensorNames.Inventory(config, CheckpointLayout.Original);
            Tensor[] tensors = [.. inventory.Select(t => new Tensor(t.Name, t.DType.ToString(), t.Shape, BytesOf(t), null))];
            return new($"Shape {shape}, without weights", Running(config, roundsYarnBounds), tensors, null);
        }

        internal static Subject OfModel(string? model, bool roundsYarnBounds, Terminal terminal)
        {
            Checkpoint checkpoint = ModelChoice.Open(ModelChoice.Resolve(model, terminal), terminal);
            string files = checkpoint.FilePaths.Count == 1 ? "1 file" : $"{checkpoint.FilePaths.Count} files";
            return new($"{checkpoint.Folder}, {checkpoint.Dialect}, {files}",
                Running(checkpoint.Config, roundsYarnBounds),
                [.. checkpoint.Tensors.Select(t => new Tensor(t.Info.Name, t.Format, t.Info.Shape, t.Info.ByteCount, Path.GetFileName(t.File)))],
                checkpoint);
        }

        /// <summary>Reads every weight; the checkpoint refuses one that is not a number.</summary>
        /// <returns>How many values and scales there are.</returns>
        internal long CheckNumbers(CancellationToken cancellation) => _checkpoint!.RequireNumbers(cancellation);

        public void Dispose() => _checkpoint?.Dispose();

        /// <summary>The numbers that a run would have.</summary>
        private static GptOssConfig Running(GptOssConfig config, bool roundsYarnBounds) =>
            roundsYarnBounds ? config with { RoundsYarnBounds = true } : config;

        private static long BytesOf(ExpectedTensor tensor) =>
            tensor.Shape.Aggregate(tensor.DType == DType.U8 ? 1L : 2L, (product, size) => product * size);
    }
}
