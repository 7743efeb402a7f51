namespace GptOss.Reference.Numerics.Integers;

/// <summary>Sixteen blocks of 32 activations in 8 bits: 512 columns of a row, the unit that integer products advance by.</summary>
/// <remarks>
/// The codes are in eight groups of 64 bytes. A group has four codes of every block, in the place of the block's lane, so that products add up lane
/// by lane, one lane a block. Which four is up to the weights: <see cref="IntegerOrder"/>.
/// </remarks>
internal unsafe struct IntegerStep
{
    /// <summary>Weights of a block.</summary>
    internal const int BlockColumns = 32;

    /// <summary>Blocks of a step, one for each lane.</summary>
    internal const int Blocks = 16;

    /// <summary>Columns of a step.</summary>
    internal const int Columns = Blocks * BlockColumns;

    /// <summary>Groups of codes, and the bytes of one.</summary>
    internal const int Groups = 8, GroupBytes = 64;

    /// <summary>Where a step has its members, in bytes.</summary>
    internal const int BeginAt = Columns, ScalesAt = BeginAt + 2 * Blocks * sizeof(short);

    /// <summary>The codes, −127 … 127.</summary>
    internal fixed sbyte Codes[Columns];

    /// <summary>
    /// What the sums of a block begin with where its weights are kept with an offset: −offset · Σ codes, of the first two codes in every group and
    /// of the last two.
    /// </summary>
    internal fixed short Begin[2 * Blocks];

    /// <summary>A block's scale d: an activation is d · code.</summary>
    internal fixed float Scales[Blocks];

    /// <summary>Steps of a row; the last is filled up with zeros.</summary>
    internal static int CountOf(int columns) => (columns + Columns - 1) / Columns;

    /// <summary>Blocks that a row has of a step.</summary>
    internal static int BlocksOf(int columns, int step) => Math.Min(columns / BlockColumns - step * Blocks, Blocks);

    /// <summary>The lane of block <paramref name="block"/> of a row: 4·(b mod 4) + ⌊b / 4⌋ mod 4.</summary>
    /// <remarks>Stored MXFP4 has four blocks in 64 bytes; turning a square of four such registers puts the blocks into this order.</remarks>
    internal static int LaneOf(int block) => 4 * (block & 3) + (block >> 2 & 3);
}
