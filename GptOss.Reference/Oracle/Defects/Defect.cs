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

    /// <summary>Every known mistake, in the order of the forward pass's parts: attention, rotation, experts, router, biases, weights, norms.</summary>
    public static IReadOnlyList<Defect> All { get; } =
        [.. AttentionDefects.All, .. RotaryDefects.All, .. ExpertDefects.All, .. WeightDefects.All];

    /// <summary>The mistake of a name; null where none is called so.</summary>
    public static Defect? Find(string name) => All.FirstOrDefault(defect => defect.Name == name);

    /// <summary>Both mistakes in one model.</summary>
    public Defect And(Defect other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new($"{Name}+{other.Name}", $"{Mistake} {other.Mistake}", $"{Evidence}; {other.Evidence}", $"{Needs}; {other.Needs}")
        {
            Variant = Variant.Then(other.Variant),
        };
    }
}
