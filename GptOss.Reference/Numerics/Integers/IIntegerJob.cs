namespace GptOss.Reference.Numerics.Integers;

/// <summary>Work on rows of integers, whatever their format.</summary>
internal interface IIntegerJob
{
    /// <summary>Does it; the rows are valid until it returns.</summary>
    void Run<TRows>(TRows rows) where TRows : unmanaged, IIntegerRows<TRows>;
}
