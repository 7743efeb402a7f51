namespace GptOss.Reference.Numerics.Integers;

/// <summary>How weights want the activations that they meet.</summary>
/// <param name="ArePairs">
/// Group 2k of a step has elements 8k, 8k + 2, 8k + 4, 8k + 6 of every block and group 2k + 1 the odd ones between them. Otherwise group 2k has
/// elements 4k … 4k + 3 and group 2k + 1 those sixteen further on.
/// </param>
/// <param name="Offset">What has been added to every weight, or to its high nibble, to make it unsigned.</param>
/// <param name="Factor">A power of two that the weights leave to the activations' scale.</param>
internal readonly record struct IntegerOrder(bool ArePairs, int Offset, float Factor);
