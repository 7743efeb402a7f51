namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>One of several ways in which a value may be valid: facts of its own, and rules that must hold then.</summary>
/// <param name="Apply">Enters the facts; null for none.</param>
/// <param name="Rules">The rules.</param>
internal sealed record Option(Action<Branch>? Apply, params IReadOnlyList<Rule> Rules)
{
    /// <summary>Values of some kinds only, with facts of their own.</summary>
    internal static Option Of(Kinds kinds, Action<Branch>? apply = null, params IReadOnlyList<Rule> rules) => new(branch =>
    {
        branch.Kinds &= kinds;
        apply?.Invoke(branch);
    }, rules);
}
