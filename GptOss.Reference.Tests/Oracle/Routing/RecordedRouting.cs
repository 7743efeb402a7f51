using GptOss.Reference.Model;
using GptOss.Reference.Oracle.Routing;
using GptOss.Reference.Oracle.Traces;

namespace GptOss.Reference.Tests.Oracle.Routing;

/// <summary>A copy of what a <see cref="RoutedToken"/> showed, because the next one is written over it.</summary>
internal sealed record RecordedRouting(int Position, int Id, int[][] Experts, float[][] Weights, float[] Margins, int[] RunnersUp)
{
    /// <summary>Every token of a run.</summary>
    internal static List<RecordedRouting> Of(Transformer model, int[] ids, out string hash, TraceOptions? options = null)
    {
        var tokens = new List<RecordedRouting>();
        hash = Tracer.Run(model, ids, (options ?? new()) with { Routing = token => tokens.Add(Copy(token)) }, Xunit.TestContext.Current.CancellationToken);
        return tokens;
    }

    private static RecordedRouting Copy(RoutedToken token)
    {
        int[] layers = [.. Enumerable.Range(0, token.Layers)];
        return new(token.Position, token.Id, [.. layers.Select(layer => token.Experts(layer).ToArray())], [.. layers.Select(layer => token.Weights(layer).ToArray())],
            [.. layers.Select(token.Margin)], [.. layers.Select(token.RunnerUp)]);
    }
}
