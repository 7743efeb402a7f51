using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Oracle.Routing;

/// <summary>Gathers the choices of one sequence layer by layer, and hands them on token by token when the last layer has chosen.</summary>
/// <param name="config">The model's numbers.</param>
/// <param name="ids">The token at each position.</param>
/// <param name="receive">Is called once for each token, in order of the positions.</param>
internal sealed class RoutingRecorder(GptOssConfig config, ReadOnlyMemory<int> ids, Action<RoutedToken> receive)
{
    private readonly List<RoutedToken> _chunk = [];

    internal void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, ReadOnlySpan<int> experts, int perToken)
    {
        while (_chunk.Count < origins.Length)
            _chunk.Add(new(config.NumHiddenLayers, perToken));
        for (int row = 0; row < origins.Length; row++)
            _chunk[row].SetChoice(layer, router[row], experts.Slice(row * perToken, perToken));
    }

    internal void ObserveWeights(int layer, ReadOnlySpan<RowOrigin> origins, Rows weights)
    {
        for (int row = 0; row < origins.Length; row++)
        {
            RoutedToken token = _chunk[row];
            token.SetWeights(layer, weights[row]);
            if (layer < config.NumHiddenLayers - 1)
                continue;
            token.Position = origins[row].Position;
            token.Id = ids.Span[token.Position];
            receive(token);
        }
    }
}
