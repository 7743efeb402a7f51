using GptOss.Cli.Options;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Explain;

/// <summary>What one head of one layer gives where.</summary>
/// <param name="Sink">The sink's share.</param>
/// <param name="Keys">Positions that the head sees.</param>
/// <param name="Top">The positions with the largest shares, largest first; among equals the nearer.</param>
internal sealed record HeadShares(float Sink, int Keys, IReadOnlyList<(int Position, float Share)> Top);

/// <summary>What the model would say if it stopped after a stage.</summary>
/// <param name="Stage">A stage that the residual stream is.</param>
/// <param name="Layer">0-based layer; −1 for the embedding.</param>
/// <param name="Top">The most probable tokens.</param>
/// <param name="Final">The probability that it gives to the token which comes out on top in the end.</param>
internal sealed record LensPoint(Stage Stage, int Layer, IReadOnlyList<TokenLogProbability> Top, double Final);

/// <summary>One token's way through a model: every stage, every head's shares, the lens after every block.</summary>
internal sealed class TokenPass
{
    /// <summary>Positions kept of a head, tokens kept of a lens, tokens kept of the forecast.</summary>
    internal const int TopPositions = 3, TopLens = 3, TopNext = 10;

    private static readonly Stage[] Streams = [Stage.Embedding, Stage.AttentionResidual, Stage.MlpResidual];

    private TokenPass(Transformer model, string name, Tokenizer? tokenizer, int[] ids, int position)
    {
        (Model, ModelName, Tokenizer, Ids, Position) = (model, name, tokenizer, ids, position);
        Heads = [.. Enumerable.Range(0, model.Config.NumHiddenLayers).Select(_ => new List<HeadShares>())];
        Chosen = new int[model.Config.NumHiddenLayers][];
    }

    internal Transformer Model { get; }

    internal string ModelName { get; }

    internal Tokenizer? Tokenizer { get; }

    internal int[] Ids { get; }

    internal int Position { get; }

    /// <summary>The values of every stage but the chosen experts.</summary>
    internal Dictionary<(Stage Stage, int Layer), float[]> Values { get; } = [];

    /// <summary>The chosen experts of every layer, best first.</summary>
    internal int[][] Chosen { get; }

    /// <summary>Of every layer, every head.</summary>
    internal IReadOnlyList<List<HeadShares>> Heads { get; }

    /// <summary>In forward order.</summary>
    internal List<LensPoint> Lens { get; } = [];

    /// <summary>The forecast.</summary>
    internal IReadOnlyList<TokenLogProbability> Next { get; private set; } = [];

    /// <summary>Reads the tokens before, then watches the one that is asked for.</summary>
    internal static TokenPass Run(Transformer model, string name, Tokenizer? tokenizer, int[] ids, int position, CancellationToken cancellation)
    {
        var pass = new TokenPass(model, name, tokenizer, ids, position);
        using Sequence sequence = model.NewSequence();
        LogitsBuffer logits = new();
        model.Forward(new BatchItem(sequence, ids.AsMemory(0, position), LogitRows.None), logits, cancellation);
        var watcher = new Watcher(pass);
        model.Forward([new BatchItem(sequence, ids.AsMemory(position, 1), LogitRows.Last)], logits, ref watcher, cancellation);
        pass.Next = LogProbabilities.Of(logits[0], 0, TopNext).Top;
        pass.Look();
        return pass;
    }

    /// <summary>The text of a token, quoted; where there is no text for the model's ids, the id.</summary>
    internal string TokenText(int id) => Tokenizer is null ? $"id {id}" : TextInput.Quoted(Tokenizer.Decode([id]));

    /// <summary>The best expert that was not chosen, and how far its logit lies below the last chosen one's; null where all are chosen.</summary>
    internal (int Expert, float Logit, float Margin)? RunnerUp(int layer)
    {
        float[] router = Values[(Stage.Router, layer)];
        int best = -1;
        for (int expert = 0; expert < router.Length; expert++)
        {
            if (!Chosen[layer].Contains(expert) && (best < 0 || router[expert] > router[best]))
                best = expert;
        }
        return best < 0 ? null : (best, router[best], router[Chosen[layer][^1]] - router[best]);
    }

    /// <summary>The stages of one layer, or before (−1) and after (the number of layers) them, in forward order.</summary>
    internal IEnumerable<Stage> StagesOf(int layer)
    {
        if (layer < 0)
            return [Stage.Embedding];
        if (layer == Model.Config.NumHiddenLayers)
            return [Stage.Norm, Stage.Logits];
        return Enum.GetValues<Stage>().Where(stage => stage is not (Stage.Embedding or Stage.Norm or Stage.Logits));
    }

    internal LensPoint? LensOf(Stage stage, int layer) => Lens.Find(point => point.Stage == stage && point.Layer == layer);

    // All points in one product, which reads the unembedding once.
    private void Look()
    {
        List<(Stage Stage, int Layer)> points = [(Stage.Embedding, -1)];
        for (int layer = 0; layer < Model.Config.NumHiddenLayers; layer++)
            points.AddRange([(Stage.AttentionResidual, layer), (Stage.MlpResidual, layer)]);
        int hidden = Model.Config.HiddenSize, vocabulary = Model.Config.VocabSize;
        Rows streams = new(new float[points.Count * hidden], points.Count, hidden, hidden);
        Rows logits = new(new float[points.Count * vocabulary], points.Count, vocabulary, vocabulary);
        for (int row = 0; row < points.Count; row++)
            Values[points[row]].CopyTo(streams[row]);
        Model.Unembed(streams, logits);
        for (int row = 0; row < points.Count; row++)
        {
            LogProbabilities probabilities = LogProbabilities.Of(logits[row], Next[0].Id, TopLens);
            Lens.Add(new(points[row].Stage, points[row].Layer, probabilities.Top, Math.Exp(probabilities.Chosen.LogProbability)));
        }
    }

    private readonly struct Watcher(TokenPass pass) : IStageObserver
    {
        public static bool IsActive => true;

        public static bool SeesAttention => true;

        public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values) => pass.Values.Add((stage, layer), values[0].ToArray());

        public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken) =>
            pass.Chosen[layer] = experts.ToArray();

        public void ObserveAttention(int layer, RowOrigin origin, int head, ReadOnlySpan<float> probabilities, float sink)
        {
            int first = origin.Position - probabilities.Length + 1;
            List<(int Position, float Share)> top = [];
            for (int i = probabilities.Length - 1; i >= 0; i--)
            {
                float share = probabilities[i];
                int rank = top.FindIndex(kept => share > kept.Share);
                if (rank < 0 && top.Count == TopPositions)
                    continue;
                top.Insert(rank < 0 ? top.Count : rank, (first + i, share));
                if (top.Count > TopPositions)
                    top.RemoveAt(TopPositions);
            }
            pass.Heads[layer].Add(new(sink, probabilities.Length, top));
        }
    }
}
