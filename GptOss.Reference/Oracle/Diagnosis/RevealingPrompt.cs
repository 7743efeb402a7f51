using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Oracle.Defects;
using GptOss.Reference.Oracle.Traces;

namespace GptOss.Reference.Oracle.Diagnosis;

/// <summary>A prompt whose last logits show mistakes that another prompt does not, as running it has shown.</summary>
/// <param name="Ids">Token ids.</param>
/// <param name="Reveals">The mistakes that move its last logits.</param>
/// <param name="Hidden">Those that no prompt tried moved: the model may be of a shape that cannot make them.</param>
public sealed record RevealingPrompt(IReadOnlyList<int> Ids, IReadOnlyList<Defect> Reveals, IReadOnlyList<Defect> Hidden)
{
    /// <summary>Ids from here on are special tokens of the published vocabulary.</summary>
    private const int OrdinaryIds = 199998;

    /// <summary>Tokens beyond the window, so that several positions look past its edge.</summary>
    private const int BeyondTheWindow = 8;

    private const int Tries = 4;

    /// <summary>Looks for a prompt: the given one drawn out beyond the sliding window by random tokens, then random tokens alone, each time more.</summary>
    /// <param name="model">The sound model.</param>
    /// <param name="prompt">The prompt that did not show them.</param>
    /// <param name="defects">The mistakes to be shown.</param>
    /// <param name="progress">Receives how far it has come, before every model.</param>
    /// <param name="cancellation">Stops between parts of a prompt.</param>
    /// <returns>The first of the prompts that show most; null where none shows any.</returns>
    public static RevealingPrompt? Find(Transformer model, ReadOnlyMemory<int> prompt, IReadOnlyList<Defect> defects, IProgress<DiagnosisProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(defects);
        RevealingPrompt? best = null;
        int done = 0, total = Tries * (defects.Count + 1);
        for (int attempt = 0; attempt < Tries && (best?.Reveals.Count ?? 0) < defects.Count; attempt++)
        {
            int[] ids = Candidate(model.Config, prompt, attempt);
            float[] sound = LastLogits(model, ids, cancellation);
            done++;
            double least = Diagnoser.LeastEffect * Math.Sqrt(sound.Sum(x => (double)x * x));
            var reveals = new List<Defect>();
            foreach (Defect defect in defects)
            {
                progress?.Report(new(done++, total, defect.Name));
                using Transformer mistaken = model.With(defect.Variant);
                float[] moved = LastLogits(mistaken, ids, cancellation);
                if (!(Math.Sqrt(moved.Zip(sound, (a, b) => ((double)a - b) * ((double)a - b)).Sum()) < least))
                    reveals.Add(defect);
            }
            if (reveals.Count > (best?.Reveals.Count ?? 0))
                best = new(ids, reveals, [.. defects.Except(reveals)]);
        }
        progress?.Report(new(total, total, null));
        return best;
    }

    private static int[] Candidate(GptOssConfig config, ReadOnlyMemory<int> prompt, int attempt)
    {
        int length = Math.Min(config.MaxPositions, Math.Max(attempt == 0 ? prompt.Length : 0, config.SlidingWindow << (attempt / 2)) + BeyondTheWindow);
        int[] ids = new int[length];
        int ordinary = Math.Min(config.VocabSize, OrdinaryIds), kept = attempt == 0 ? Math.Min(prompt.Length, length) : 0;
        prompt.Span[..kept].CopyTo(ids);
        for (int i = kept; i < length; i++)
            ids[i] = (int)(CounterRandom.Uniform((ulong)attempt, i) * ordinary);
        return ids;
    }

    private static float[] LastLogits(Transformer model, int[] ids, CancellationToken cancellation)
    {
        float[] last = [];
        PromptPass.Run(model, ids, [ids.Length - 1], (_, logits) => last = logits.ToArray(), cancellation);
        return last;
    }
}
