using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model.Stages;

namespace GptOss.Reference.Oracle.Diff;

/// <summary>What an element of a stage's row is: its index by the row's shape, and words.</summary>
internal static class ElementPlace
{
    /// <summary>Index by shape, outermost first.</summary>
    internal static IReadOnlyList<int> Index(StageTensor stage, int element)
    {
        int[] index = new int[Math.Max(1, stage.RowShape.Count)];
        for (int i = stage.RowShape.Count - 1; i >= 0; i--)
        {
            index[i] = element % (int)stage.RowShape[i];
            element /= (int)stage.RowShape[i];
        }
        return index;
    }

    /// <summary>head 3, channel 17; expert 5; token 200002.</summary>
    /// <param name="stage">The stage.</param>
    /// <param name="element">Offset in its row.</param>
    /// <param name="config">The model's numbers; null where they are unknown.</param>
    /// <param name="experts">The chosen experts of that token and layer; null where they are not recorded.</param>
    internal static string Meaning(StageTensor stage, int element, GptOssConfig? config, int[]? experts)
    {
        IReadOnlyList<int> index = Index(stage, element);
        switch (stage.Key.Stage)
        {
            case Stage.Query or Stage.Key when index is [var head, var channel]:
                return $"head {head}, channel {channel}";
            case Stage.Heads when config is not null:
                return $"head {element / config.HeadDim}, channel {element % config.HeadDim}";
            case Stage.Qkv when config is not null:
                (string what, int at) = element < config.QuerySize ? ("query", element)
                    : element < config.QuerySize + config.KeyValueSize ? ("key", element - config.QuerySize)
                    : ("value", element - config.QuerySize - config.KeyValueSize);
                return $"{what} head {at / config.HeadDim}, channel {at % config.HeadDim}";
            case Stage.SwiGlu when index is [var rank, var channel]:
                return $"{Expert(rank)}, channel {channel}";
            case Stage.ExpertWeights:
                return Expert(element);
            case Stage.Experts:
                return $"choice {element}";
            case Stage.Router:
                return $"expert {element}";
            case Stage.Logits:
                return $"token {element}";
            default:
                return $"channel {element}";
        }

        string Expert(int rank) => rank < experts?.Length ? $"choice {rank} (expert {experts[rank]})" : $"choice {rank}";
    }
}
