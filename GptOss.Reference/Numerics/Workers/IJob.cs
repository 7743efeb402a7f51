namespace GptOss.Reference.Numerics.Workers;

/// <summary>
/// Work that is cut into equal parts, one per worker. Implementations are structs that hold pointers; nothing is allocated to run one.
/// </summary>
internal interface IJob
{
    /// <summary>Does part <paramref name="part"/> of <paramref name="parts"/>; every part runs exactly once.</summary>
    void Execute(int part, int parts);
}
