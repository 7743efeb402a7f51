using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Model;

/// <summary>How a pass shows its stages. For an observer that is not active every call is compiled away.</summary>
internal static class Observation
{
    /// <summary>Shows a stage with one row for each token; <paramref name="layer"/> is −1 outside the layers.</summary>
    internal static void Show<TObserver>(this Chunk chunk, Stage stage, int layer, Rows values, ref TObserver observer)
        where TObserver : struct, IStageObserver
    {
        if (TObserver.IsActive)
            observer.Observe(stage, layer, chunk.Origins, values);
    }

    /// <summary>Shows a stage behind the layers, with one row for each token whose logits are wanted.</summary>
    internal static void ShowWanted<TObserver>(this Chunk chunk, Stage stage, Rows values, ref TObserver observer)
        where TObserver : struct, IStageObserver
    {
        if (TObserver.IsActive)
            observer.Observe(stage, -1, chunk.WantedOrigins, values);
    }

    /// <summary>Shows the chosen experts, which the observer may exchange, and checks what it leaves.</summary>
    /// <param name="chunk">The tokens.</param>
    /// <param name="layer">0-based layer.</param>
    /// <param name="router">Router logits, [tokens, experts].</param>
    /// <param name="experts">[tokens · k]: those of each token, best first.</param>
    /// <param name="observer">The observer.</param>
    /// <returns>Whether anyone looked: the weights then have to be computed again.</returns>
    /// <exception cref="InvalidOperationException">An expert does not exist, or a token has one twice.</exception>
    internal static bool ShowExperts<TObserver>(this Chunk chunk, int layer, Rows router, Span<int> experts, ref TObserver observer)
        where TObserver : struct, IStageObserver
    {
        if (!TObserver.IsActive)
            return false;
        int k = experts.Length / chunk.Count;
        observer.ObserveExperts(layer, chunk.Origins, router, experts, k);
        for (int slot = 0; slot < experts.Length; slot++)
        {
            int expert = experts[slot];
            bool exists = (uint)expert < (uint)router.Width;
            if (exists && !experts[(slot / k * k)..slot].Contains(expert))
                continue;
            string choice = $"The observer chose expert {expert} for position {chunk.Origins[slot / k].Position} in layer {layer}";
            throw new InvalidOperationException(exists ? $"{choice} twice." : $"{choice}; experts go from 0 to {router.Width - 1}.");
        }
        return true;
    }
}
