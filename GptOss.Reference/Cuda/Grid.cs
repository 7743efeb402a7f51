namespace GptOss.Reference.Cuda;

/// <summary>Blocks of a launch in each direction.</summary>
internal readonly record struct Grid(int X, int Y = 1, int Z = 1);
