using System.Security.Cryptography;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>Another engine's scores of a corpus, to compare the model's with.</summary>
/// <remarks>
/// Either lines <c>{"id", "logprobs": [null, …], "top": [null, {"id": lp}, …]}</c> in the order of the corpus, as they are written here (<c>id</c> and
/// <c>top</c> may be missing); or, for a corpus of one document, a tensor [tokens, vocabulary] of logits, log-probabilities or probabilities whose row i predicts token i + 1.
/// </remarks>
public abstract class OtherEngine : IDisposable
{
    private protected OtherEngine(string path) => (Name, Hash) = (System.IO.Path.GetFileName(path), HashOf(path));

    /// <summary>How messages call the file.</summary>
    public string Name { get; }

    /// <summary>SHA-256 of the file, in lower-case hex.</summary>
    public string Hash { get; }

    /// <summary>Opens a file of either form.</summary>
    /// <param name="path">The file; it need not be trustworthy.</param>
    /// <param name="vocabulary">Ids that the model has.</param>
    /// <exception cref="ScoringException">It cannot be read.</exception>
    /// <exception cref="CheckpointFormatException">It is not a tensor of such rows.</exception>
    public static OtherEngine Open(string path, int vocabulary)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (Directory.Exists(path))
            throw new ScoringException($"{path} is a folder; expected a file.");
        if (!File.Exists(path))
            throw new ScoringException($"There is no file '{path}'.");
        return IsLines(path) ? new OtherLines(path, vocabulary) : new OtherRows(path, vocabulary);
    }

    /// <summary>What the engine says about a document; documents are asked for in their order.</summary>
    /// <exception cref="ScoringException">It says nothing about it, or what it says does not fit it.</exception>
    internal abstract OtherScores Of(ScoreDocument document);

    /// <summary>Closes the file.</summary>
    public abstract void Dispose();

    // A safetensors file begins with the length of its header, whose upper half is zero; text has no zeros.
    private static bool IsLines(string path)
    {
        byte[] start = new byte[8];
        using FileStream file = File.OpenRead(path);
        ReadOnlySpan<byte> read = start.AsSpan(0, file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false));
        if (read.Contains((byte)0))
            return false;
        if (read.StartsWith("\uFEFF"u8))
            read = read[3..];
        read = read.TrimStart(" \t\r\n"u8);
        return read.IsEmpty || read[0] == '{';
    }

    private static string HashOf(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
