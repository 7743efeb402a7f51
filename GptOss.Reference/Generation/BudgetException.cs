using GptOss.Reference.Ground;

namespace GptOss.Reference.Generation;

/// <summary>An answer is to be closed within its budget of tokens, but not even the shortest one that its constraint allows fits.</summary>
/// <param name="needed">Tokens of the shortest answer.</param>
/// <param name="allowed">Tokens that the answer may have.</param>
public sealed class BudgetException(int needed, int allowed) : GptOssException(
    $"The shortest answer that could be closed takes {needed} tokens, what frames it included; there is room for {allowed}.")
{
    /// <summary>Tokens of the shortest answer.</summary>
    public int Needed => needed;

    /// <summary>Tokens that the answer may have, by what was asked or by what the context leaves.</summary>
    public int Allowed => allowed;
}
