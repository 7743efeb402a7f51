namespace GptOss.Reference.Cuda;

/// <summary>The MXFP4 matrices of one layer's experts on the card, as the checkpoint has them.</summary>
/// <param name="Blocks">[experts, rows, columns / 32, 16].</param>
/// <param name="Scales">[experts, rows, columns / 32].</param>
/// <param name="Bias">float32, [experts, rows].</param>
/// <param name="Rows">Outputs of an expert.</param>
/// <param name="Columns">Inputs, a multiple of 32.</param>
/// <param name="IsWide">Whether a scale byte is above 128: such weights take one more multiplication.</param>
internal readonly record struct DeviceExperts(ulong Blocks, ulong Scales, ulong Bias, int Rows, int Columns, bool IsWide);
