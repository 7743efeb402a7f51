using GptOss.Reference.Model;

namespace GptOss.Reference.Oracle.Defects;

/// <summary>A mistake that ports of the model have made.</summary>
/// <param name="Name">The name under which its logits are recorded in the golden pack <c>defects</c>; of two at once <c>a+b</c>.</param>
/// <param name="Mistake">What went wrong, one sentence.</param>
/// <param name="Evidence">A public report of it, or the rule of the published reference that it breaks.</param>
/// <param name="Needs">What the prompt and the model must have, so that the mistake moves the logits.</param>
public sealed record Defect(string Name, string Mistake, string Evidence, string Needs)
{
    /// <summary>The model that makes the mistake.</summary>
    internal ModelVariant Variant { get; init; } = ModelVariant.Sound;

    /// <summary>The smallest part of the model that can make it alone.</summary>
    internal DefectScope Scope { get; init; } = DefectScope.Layer;

    /// <summary>The model that makes the mistake in one layer, where that is not <see cref="Variant"/> in that layer.</summary>
    internal Func<int, ModelVariant>? OfLayer { get; init; }

    /// <summary>
    /// Every known mistake, in the order of the parts of the forward pass: attention, rotation, experts, router, biases, weights, norms.
    /// </summary>
    public static IReadOnlyList<Defect> All { get; } =
        [.. AttentionDefects.All, .. RotaryDefects.All, .. ExpertDefects.All, .. WeightDefects.All];

    /// <summary>The mistake of that name; null where there is none.</summary>
    public static Defect? Find(string name) => All.FirstOrDefault(defect => defect.Name == name);

    /// <summary>Both mistakes in one model.</summary>
    public Defect And(Defect other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new($"{Name}+{other.Name}", $"{Mistake} {other.Mistake}", $"{Evidence}; {other.Evidence}", $"{Needs}; {other.Needs}")
        {
            Variant = Variant.Then(other.Variant),
            Scope = DefectScope.Model,
        };
    }

    /// <summary>The same mistake in one place only; null where it cannot be made there alone.</summary>
    internal Defect? In(DefectPlace place)
    {
        if (Scope == DefectScope.Model || place.Heads is not null && Scope != DefectScope.Head
            || place.Product is not null && Scope != DefectScope.Product)
        {
            return null;
        }
        ModelVariant variant = OfLayer?.Invoke(place.Layer) ?? Variant with { Layer = place.Layer };
        if (place.Heads is var (first, end))
        {
            variant =
                variant with { Attention =
                    (weights, config) => weights with { Sinks = Mixed(weights.Sinks, Variant.Attention(weights, config).Sinks, first, end) } };
        }
        if (place.Product is { } product)
            variant = variant with { Kernels = inner => inner with { Products = new OneProduct(inner, Variant.Kernels(inner), product) } };
        return this with { Name = $"{Name} {place}", Mistake = $"{Mistake} Only {place}.", Variant = variant };
    }

    /// <summary>The sinks of some heads from another list.</summary>
    private static float[] Mixed(float[] sound, float[] mistaken, int first, int end)
    {
        float[] mixed = [.. sound];
        mistaken.AsSpan(first..end).CopyTo(mixed.AsSpan(first));
        return mixed;
    }
}
