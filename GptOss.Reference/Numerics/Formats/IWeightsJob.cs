namespace GptOss.Reference.Numerics.Formats;

/// <summary>Work on the rows of weights, whatever their format.</summary>
internal interface IWeightsJob
{
    /// <summary>Does the work; the rows are valid until it returns.</summary>
    void Run<TRows>(TRows rows) where TRows : unmanaged, IWeightRows;
}
