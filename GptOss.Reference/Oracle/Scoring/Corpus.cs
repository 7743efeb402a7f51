using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>A JSON Lines file of documents. It is read and checked whole before anything is scored, so that a bad line shows at once.</summary>
public sealed class Corpus
{
    private readonly Func<Stream> _open;
    private readonly Tokenizer _tokenizer;
    private readonly int _vocabulary;
    private readonly bool _hasSpecials;

    private Corpus(string name, Func<Stream> open, Tokenizer tokenizer, int vocabulary, CorpusPart part, bool hasSpecials) =>
        (Name, _open, _tokenizer, _vocabulary, Part, _hasSpecials) = (name, open, tokenizer, vocabulary, part, hasSpecials);

    /// <summary>How messages call the file.</summary>
    public string Name { get; }

    /// <summary>The part that is scored.</summary>
    public CorpusPart Part { get; }

    /// <summary>Documents of the whole corpus.</summary>
    public long AllDocuments { get; private set; }

    /// <summary>Documents of the part.</summary>
    public long Documents { get; private set; }

    /// <summary>Bytes of the lines of the part's documents.</summary>
    public long LineBytes { get; private set; }

    /// <summary>Bytes of the whole file.</summary>
    public long FileBytes { get; private set; }

    /// <summary>SHA-256 of the whole file, in lower-case hex.</summary>
    public string Hash { get; private set; } = "";

    /// <summary>Reads and checks a corpus.</summary>
    /// <param name="name">How messages call it.</param>
    /// <param name="open">Opens it from its start, every time that it is called.</param>
    /// <param name="config">The model that has to know the ids.</param>
    /// <param name="tokenizer">Encodes text.</param>
    /// <param name="part">The part that is scored.</param>
    /// <param name="hasSpecials">Whether names of special tokens in text become their ids; otherwise they are plain text.</param>
    /// <param name="cancellation">Looked at between lines.</param>
    /// <exception cref="ScoringException">A line is not a document, or has the id of another one; the message says which.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Corpus Open(string name, Func<Stream> open, GptOssConfig config, Tokenizer tokenizer, CorpusPart part, bool hasSpecials = false,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(open);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(tokenizer);
        var corpus = new Corpus(name, open, tokenizer, config.VocabSize, part, hasSpecials);
        corpus.Check(cancellation);
        return corpus;
    }

    /// <summary>The part's documents in order.</summary>
    /// <param name="skip">Leaves out so many at the start.</param>
    /// <exception cref="ScoringException">The file has changed since it was checked.</exception>
    public IEnumerable<ScoreDocument> Read(long skip = 0)
    {
        using Stream stream = _open();
        long number = 0, ofPart = 0;
        foreach (ByteLine line in ByteLines.Read(stream, Name))
        {
            if (line.IsBlank)
                continue;
            if (line.Start < FileBytes && Part.Holds(line.Start, FileBytes) && ofPart++ >= skip)
            {
                yield return ScoreDocument.Read(line, Name, number, _hasSpecials ? _tokenizer.EncodeWithSpecials : _tokenizer.Encode, _tokenizer,
                    _vocabulary);
            }
            number++;
        }
        if (number != AllDocuments || ofPart != Documents)
            throw new ScoringException($"{Name} has been changed while it was read: it had {AllDocuments} documents, and now {number}.");
    }

    private void Check(CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using (Stream stream = _open())
        {
            byte[] block = new byte[1 << 16];
            for (int count; (count = stream.Read(block)) > 0; FileBytes += count)
            {
                cancellation.ThrowIfCancellationRequested();
                hash.AppendData(block, 0, count);
            }
        }
        Hash = Convert.ToHexStringLower(hash.GetHashAndReset());
        using Stream again = _open();
        var ids = new HashSet<UInt128>();              // 128 bits of a hash each, so that long names of many documents take no memory
        foreach (ByteLine line in ByteLines.Read(again, Name))
        {
            cancellation.ThrowIfCancellationRequested();
            if (line.IsBlank)
                continue;
            var document = ScoreDocument.Read(line, Name, AllDocuments++, encode: null, _tokenizer, _vocabulary);
            if (document.HasOwnId && !ids.Add(BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(document.Id)))))
            {
                throw new ScoringException(
                    $"{Name}, line {line.Number}: the id {Printable.Clip(document.Id)} occurs in a line before; it names a document's scores.");
            }
            if (line.Start >= FileBytes || !Part.Holds(line.Start, FileBytes))
                continue;
            Documents++;
            LineBytes += document.LineBytes;
        }
    }
}
