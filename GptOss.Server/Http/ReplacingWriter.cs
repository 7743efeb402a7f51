using System.Buffers;
using System.IO.Pipelines;

namespace GptOss.Server.Http;

/// <summary>What a connection writes: as it comes, until something is to be sent in place of all that follows.</summary>
/// <param name="inner">Where it goes.</param>
internal sealed class ReplacingWriter(PipeWriter inner) : PipeWriter
{
    private byte[]? _replacement, _ignored;
    private bool _isSent;

    public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

    public override long UnflushedBytes => inner.UnflushedBytes;

    /// <summary>Sends this, once, in place of what is written from now on.</summary>
    internal void Replace(byte[] replacement) => _replacement ??= replacement;

    public override Memory<byte> GetMemory(int sizeHint = 0) => _replacement is null ? inner.GetMemory(sizeHint) : Ignored(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => _replacement is null ? inner.GetSpan(sizeHint) : Ignored(sizeHint);

    public override void Advance(int bytes)
    {
        if (_replacement is null)
            inner.Advance(bytes);
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (_replacement is { } replacement && !_isSent)
        {
            _isSent = true;
            inner.Write(replacement);
        }
        return inner.FlushAsync(cancellationToken);
    }

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    private byte[] Ignored(int sizeHint)
    {
        if (_ignored is null || _ignored.Length < sizeHint)
            _ignored = new byte[Math.Max(sizeHint, 4096)];
        return _ignored;
    }
}
