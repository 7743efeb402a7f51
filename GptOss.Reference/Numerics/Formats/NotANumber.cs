namespace GptOss.Reference.Numerics.Formats;

/// <summary>Where a matrix has something that is not a finite number.</summary>
/// <param name="Offset">Bytes from the start of the tensor that holds it.</param>
/// <param name="Found">What is there: "the scale 255".</param>
/// <param name="Expected">What may be there, as a clause.</param>
internal readonly record struct NotANumber(long Offset, string Found, string Expected);
