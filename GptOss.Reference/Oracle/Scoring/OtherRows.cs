using System.Buffers;
using GptOss.Reference.Generation;
using GptOss.Reference.Oracle.Dumps;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>Another engine's rows of one document: logits, log-probabilities or probabilities, as their values show.</summary>
internal sealed class OtherRows : OtherEngine
{
    private readonly Dump _dump;
    private readonly DumpTensor _rows;
    private readonly bool _areProbabilities;

    internal OtherRows(string path, int vocabulary) : base(path)
    {
        _dump = Dump.Open(path);
        try
        {
            _rows = _dump.Logits(vocabulary);
            _areProbabilities = LogitsKinds.Of(_rows) == LogitsKind.Probabilities;
        }
        catch
        {
            _dump.Dispose();
            throw;
        }
    }

    public override void Dispose() => _dump.Dispose();

    internal override OtherScores Of(ScoreDocument document)
    {
        if (document.Number > 0)
            throw new ScoringException($"{Name} holds rows of one document, and the corpus has several; give lines, one a document.");
        // The last row predicts what follows the document, which nothing is compared with.
        if (_rows.Rows != document.Ids.Length && _rows.Rows != document.Ids.Length - 1)
            throw new ScoringException($"{Name} has {_rows.Rows} rows and the document {document.Ids.Length} tokens; expected a row for each token.");
        return new FullScores(_rows, _areProbabilities, Name);
    }

    /// <summary>Whole rows: their divergence is over the whole vocabulary, and the five most probable tokens are compared.</summary>
    private sealed class FullScores(DumpTensor rows, bool areProbabilities, string name) : OtherScores
    {
        private const int Top = 5;
        private readonly Lock _reading = new();

        internal override bool IsFull => true;

        internal override TokenComparison? Compare(int token, ReadOnlySpan<float> logits, LogSoftmax softmax)
        {
            float[] rented = ArrayPool<float>.Shared.Rent(logits.Length);
            Span<float> row = rented.AsSpan(0, logits.Length);
            try
            {
                lock (_reading)
                    rows.ReadRow(token - 1, row);
                for (int id = 0; areProbabilities && id < row.Length; id++)
                    row[id] = MathF.Log(row[id]);
                LogSoftmax other = LogSoftmax.Of(row);
                (bool? sameFirst, double? agreement) = Agreement(logits, softmax, LogProbabilities.Of(row, other, chosen: 0, Top).Top);
                return new(Divergence.Full(logits, softmax, row, other), sameFirst, agreement);
            }
            catch (LogitsException e)
            {
                throw new ScoringException($"{name}, row {token - 1}: {e.Message}", e);
            }
            finally
            {
                ArrayPool<float>.Shared.Return(rented);
            }
        }
    }
}
