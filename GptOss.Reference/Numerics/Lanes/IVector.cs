namespace GptOss.Reference.Numerics.Lanes;

/// <summary>One hardware register of float32 lanes, for loops whose accumulators must all stay in registers.</summary>
internal unsafe interface IVector<TSelf> where TSelf : struct, IVector<TSelf>
{
    /// <summary>Lanes of a register; divides 16.</summary>
    static abstract int Lanes { get; }

    /// <summary>Registers the machine has at this width.</summary>
    static abstract int Registers { get; }

    /// <summary>+0 in every lane.</summary>
    static abstract TSelf Zero { get; }

    /// <summary>One value in every lane.</summary>
    static abstract TSelf Broadcast(float value);

    /// <summary>Consecutive floats.</summary>
    static abstract TSelf Load(float* lanes);

    /// <summary>Consecutive bfloat16 values, widened exactly.</summary>
    static abstract TSelf Load(ushort* bfloat16Lanes);

    /// <summary>a · b + sum with one rounding.</summary>
    static abstract TSelf FusedMultiplyAdd(TSelf a, TSelf b, TSelf sum);

    /// <summary>Writes consecutive floats.</summary>
    void Store(float* lanes);
}
