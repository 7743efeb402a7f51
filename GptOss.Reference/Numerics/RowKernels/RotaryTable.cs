using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.RowKernels;

/// <summary>
/// Rotary position embedding with YaRN: each pair of channels (i, i + d/2) of a head turns by the angle p·ω_i at position p; cosine and
/// sine carry the concentration c, so every q·k product carries c².
/// </summary>
/// <remarks>
/// <para>
/// Why: a query turned by p·ω_i and a key turned by p'·ω_i meet at an angle of (p − p')·ω_i, so a score depends on how far apart two tokens are, not
/// on where they are. Fast pairs tell neighbours apart, slow pairs distances: in the 20b pair 0 turns once in 6.3 positions, pair 31 once in 650,000.
/// </para>
/// <para>
/// A model trained on ctx positions has seen every angle of a pair that turns often within them, and only part of the circle of one that does not. To
/// reach s times as far, YaRN leaves the fast pairs alone, slows the slow ones by s, which keeps them within the angles seen in training, and ramps
/// between the two (<see cref="YarnBounds"/>): in the 20b (ctx 4096, s 32) pairs 0 to 8 keep their speed, 9 to 17 are on the ramp, 18 to 31 turn at
/// 1/32 of theirs. The scores, over so many more keys, are sharpened by c² = 1.3466² = 1.813.
/// </para>
/// f_i = base^(2i/d). Without scaling ω_i = 1/f_i, c = 1. With a factor s above 1 the slow half is interpolated:
/// ω_i = (1/(s·f_i))·(1 − m_i) + (1/f_i)·m_i, m_i = 1 − clamp((i − low)/(high − low), 0, 1), low = d/2 · ln(ctx/(β·2π)) / ln base, high the
/// same with α; c = 0.1·ln s + 1. Every step is in float32 except the bounds, the powers and the
/// trigonometry, which are in double and rounded once. Source: <c>gpt_oss/torch/model.py</c>, <c>RotaryEmbedding</c>.
/// </remarks>
internal sealed class RotaryTable
{
    private readonly float[] _frequencies;
    private readonly float _concentration;

    /// <summary>Computes the frequencies for heads of <paramref name="headDim"/> channels.</summary>
    /// <exception cref="ArgumentException">The head is odd, or the bounds break 0 &lt; low &lt; high &lt; d/2 − 1 where the factor is above
    /// 1.</exception>
    /// <param name="headDim">d.</param>
    /// <param name="base">Base of the frequencies.</param>
    /// <param name="factor">s; at most 1 means no scaling.</param>
    /// <param name="initialContext">ctx: positions before scaling.</param>
    /// <param name="slowBound">α, in turns over the initial context.</param>
    /// <param name="fastBound">β, in turns over the initial context.</param>
    /// <param name="roundsBounds">Whether the ramp lies between <see cref="YarnBounds.Rounded"/>, which is not the published model.</param>
    public RotaryTable(int headDim, float @base, float factor, int initialContext, float slowBound, float fastBound, bool roundsBounds = false)
    {
        if (headDim < 2 || headDim % 2 != 0)
            throw new ArgumentException($"A head of {headDim} channels has no pairs to rotate.", nameof(headDim));
        int half = headDim / 2;
        _frequencies = new float[half];
        _concentration = 1;
        double low = 0, high = 0;
        if (factor > 1)
        {
            var bounds = YarnBounds.Of(headDim, @base, initialContext, slowBound, fastBound);
            (low, high) = roundsBounds ? bounds.Rounded() : bounds;
            if (!bounds.AreOrderedFor(headDim))
                throw new ArgumentException($"YaRN bounds {bounds.Low} and {bounds.High} break 0 < low < high < {half - 1}.", nameof(factor));
            _concentration = (float)(0.1 * Elementary.Ln(factor) + 1);
        }
        for (int i = 0; i < half; i++)
        {
            float exponent = 2f * i / headDim;
            float f = (float)Elementary.Pow(@base, exponent);
            if (factor > 1)
            {
                float ramp = (i - (float)low) / (float)(high - low);
                float mask = 1 - Math.Clamp(ramp, 0, 1);
                float interpolated = 1 / (factor * f), extrapolated = 1 / f;
                float slow = interpolated * (1 - mask), fast = extrapolated * mask;
                _frequencies[i] = slow + fast;
            }
            else
            {
                _frequencies[i] = 1 / f;
            }
        }
    }

    /// <summary>A table of given frequencies, for models that deviate from the published ones.</summary>
    internal RotaryTable(float[] frequencies, float concentration) => (_frequencies, _concentration) = (frequencies, concentration);

    /// <summary>ω_i for i = 0 … d/2 − 1, in radians a position.</summary>
    public ReadOnlySpan<float> Frequencies => _frequencies;

    /// <summary>c, the factor on cosine and sine: 1.3465736 in both released models.</summary>
    public float Concentration => _concentration;

    /// <summary>cos(p·ω_i)·c and sin(p·ω_i)·c for all i.</summary>
    /// <param name="position">p, 0-based.</param>
    /// <param name="cosines">[d/2].</param>
    /// <param name="sines">[d/2].</param>
    public void At(int position, Span<float> cosines, Span<float> sines)
    {
        for (int i = 0; i < _frequencies.Length; i++)
        {
            float angle = position * _frequencies[i];
            (double sin, double cos) = Elementary.SinCos(angle);
            cosines[i] = (float)cos * _concentration;
            sines[i] = (float)sin * _concentration;
        }
    }
}
