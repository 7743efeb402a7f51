namespace GptOss.Reference.Oracle.Synthetic;

/// <summary>How <see cref="SyntheticGguf"/> stores embeddings, unembedding and attention matrices.</summary>
internal enum DenseType
{
    /// <summary>As they are.</summary>
    Bfloat16,

    /// <summary>Rounded to 8 bits in blocks of 32, as most published files have them.</summary>
    Q8_0,
}
