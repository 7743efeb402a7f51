using System.Globalization;
using GptOss.Cli.Output;
using GptOss.Reference.Cuda;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;

namespace GptOss.Cli.Bench;

/// <summary>What one kernel took in a pass.</summary>
/// <param name="Tokens">Tokens of the pass.</param>
/// <param name="Kernel">Its name.</param>
/// <param name="Launches">How often it was started.</param>
/// <param name="Seconds">All of them together.</param>
internal sealed record KernelRun(int Tokens, string Kernel, int Launches, double Seconds);

/// <summary>Times every kernel of a model on a GPU, launch by launch, in passes of few and of many tokens after the same context.</summary>
internal static class KernelsBench
{
    /// <summary>Times passes of so many tokens, after one that warms up.</summary>
    internal static List<KernelRun> Run(Transformer model, CudaDevice gpu, int context, IEnumerable<int> counts, CancellationToken cancellation)
    {
        List<KernelRun> runs = [];
        using Sequence sequence = model.NewSequence();
        model.Forward(new BatchItem(sequence, BenchRuns.Ids(context, model.Config.VocabSize), LogitRows.None), new LogitsBuffer(), cancellation);
        foreach (int tokens in counts)
        {
            int[] ids = BenchRuns.Ids(tokens, model.Config.VocabSize);
            void Pass()
            {
                using Sequence fork = sequence.Fork();
                model.Forward(new BatchItem(fork, ids, LogitRows.Last), new LogitsBuffer(), cancellation);
            }
            Pass();
            runs.AddRange(from kernel in gpu.Times.Of(Pass)
                orderby kernel.Value.Seconds descending, kernel.Key
                select new KernelRun(tokens, kernel.Key, kernel.Value.Launches, kernel.Value.Seconds));
        }
        return runs;
    }

    internal static string Json(int context, IEnumerable<KernelRun> runs) => JsonText.Of(json =>
    {
        json.WriteStartObject();
        json.WriteNumber("context", context);
        json.WriteStartArray("kernels");
        foreach (KernelRun run in runs)
        {
            json.WriteStartObject();
            json.WriteNumber("tokens", run.Tokens);
            json.WriteString("kernel", run.Kernel);
            json.WriteNumber("launches", run.Launches);
            json.WriteNumber("seconds", run.Seconds);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });

    internal static string Table(string name, int context, List<KernelRun> runs) => string.Join("\n\n", runs.GroupBy(run => run.Tokens).Select(pass =>
    {
        double all = pass.Sum(run => run.Seconds);
        string table = Text.Table(
        [
            ["", "launches", "µs each", "ms", "share"],
            .. pass.Select(run => new[]
            {
                run.Kernel, Of(run.Launches, "N0"), Of(1e6 * run.Seconds / run.Launches, "F1"), Of(1e3 * run.Seconds, "F3"),
                Of(run.Seconds / all, "P0"),
            }),
            ["all", Of(pass.Sum(run => run.Launches), "N0"), "", Of(1e3 * all, "F3"), ""],
        ], 1, 2, 3, 4);
        return $"{Text.Count(pass.Key, "token")} after {Text.Count(context, "token")} on {name}, every launch repeated by itself\n\n"
            + table.TrimEnd();
    }));

    private static string Of(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
