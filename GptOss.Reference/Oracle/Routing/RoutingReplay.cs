using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Oracle.Routing;

/// <summary>
/// Another program's choices of experts, forced on a run: so that a near-tie that fell the other way there does not hide everything after it.
/// </summary>
/// <remarks>
/// What is forced is which experts, in whatever order they are listed. They are put in the order of this run's router logits, and their weights are
/// the softmax over those logits. So choices that the router makes anyway change no bit. Four bytes are kept for each choice.
/// </remarks>
public sealed class RoutingReplay
{
    private readonly int[] _experts;
    private readonly int _layers, _perToken;
    private readonly int[] _own;

    internal RoutingReplay(int[] experts, int layers, int perToken) =>
        (_experts, _layers, _perToken, _own) = (experts, layers, perToken, new int[perToken]);

    /// <summary>Tokens that there are choices for.</summary>
    public int Tokens => _experts.Length / (_layers * _perToken);

    /// <summary>Choices, one a token and layer, that were forced and that the router would have made otherwise.</summary>
    public int Changed { get; private set; }

    /// <summary>Choices that were forced, changed or not.</summary>
    public int Forced { get; private set; }

    /// <summary>The first that was changed, in order of the positions and then of the layers; null for none.</summary>
    public (int Position, int Layer)? FirstChange { get; private set; }

    /// <summary>
    /// Reads a routing file: JSON lines, one a token, as <see cref="RoutingWriter"/> writes them. Only <c>experts</c> must be there.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="config">The numbers of the model that will run.</param>
    /// <param name="ids">The ids that will run, which the file must have choices for, all of them and no more.</param>
    /// <exception cref="CheckpointFormatException">The file cannot be read, is not such a file, or does not fit the model or the ids.</exception>
    public static RoutingReplay Read(string path, GptOssConfig config, ReadOnlySpan<int> ids)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(config);
        return RoutingFile.Read(path, config, ids);
    }

    /// <summary>The experts of a token in a layer, in ascending order.</summary>
    public ReadOnlySpan<int> this[int position, int layer] => _experts.AsSpan((position * _layers + layer) * _perToken, _perToken);

    /// <summary>Whether there is a choice for each of the tokens and for each layer of a model.</summary>
    internal bool Fits(GptOssConfig config, int tokens) => (Tokens, _layers, _perToken) == (tokens, config.NumHiddenLayers, config.ExpertsPerToken);

    /// <summary>Puts the forced experts in the place of the router's.</summary>
    internal void Apply(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts)
    {
        for (int row = 0; row < origins.Length; row++)
        {
            int position = origins[row].Position;
            Span<int> chosen = experts.Slice(row * _perToken, _perToken);
            chosen.CopyTo(_own);
            _own.Sort();
            this[position, layer].CopyTo(chosen);
            Forced++;
            if (!chosen.SequenceEqual(_own))
            {
                Changed++;
                if (FirstChange is not { } first || (position, layer).CompareTo(first) < 0)
                    FirstChange = (position, layer);
            }
            Sort(chosen, router[row]);
        }
    }

    /// <summary>Puts ascending experts into the router's order: logit descending, then index ascending, NaN last.</summary>
    private static void Sort(Span<int> experts, ReadOnlySpan<float> router)
    {
        for (int i = 1; i < experts.Length; i++)
        {
            int expert = experts[i], rank = i;
            for (; rank > 0 && Router.IsAbove(router[expert], router[experts[rank - 1]]); rank--)
                experts[rank] = experts[rank - 1];
            experts[rank] = expert;
        }
    }
}
