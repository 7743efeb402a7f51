namespace GptOss.Reference.Cuda;

/// <summary>A bfloat16 matrix on the card.</summary>
/// <param name="Data">Its values, [rows, columns].</param>
/// <param name="Bias">float32, [rows]; 0 for none.</param>
/// <param name="Rows">Outputs.</param>
/// <param name="Columns">Inputs, a multiple of 16.</param>
internal readonly record struct DeviceMatrix(ulong Data, ulong Bias, int Rows, int Columns);
