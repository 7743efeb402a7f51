using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Tiles;

/// <summary>Four weight rows side by side, as a <see cref="RegisterTile"/> reads them: unpacked in a panel, or as they are stored.</summary>
internal interface ITileRows
{
    /// <summary>Steps of the dot product in one turn of a tile's loop: 1, or 2 where two of them share stored bytes.</summary>
    static abstract int Steps { get; }

    /// <summary>Activation rows that one tile takes at this width without running out of registers.</summary>
    static abstract int MostTokens<TVector>() where TVector : struct, IVector<TVector>;

    /// <summary>Lanes <paramref name="lane"/> … of the step that begins at column <paramref name="k"/> + 16 · <paramref name="step"/>.</summary>
    /// <param name="row">0 … 3.</param>
    /// <param name="k">The turn's first column, a multiple of 16 · <see cref="Steps"/>.</param>
    /// <param name="step">Less than <see cref="Steps"/>.</param>
    /// <param name="lane">A multiple of the vector's lanes.</param>
    TVector Load<TVector>(int row, nint k, int step, int lane) where TVector : struct, IVector<TVector>;

    /// <summary>Asks for what comes after these rows, a turn's worth.</summary>
    void Prefetch(nint k);
}
