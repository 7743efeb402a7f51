using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace GptOss.Reference.Serving;

/// <summary>A request at a scheduler: its tokens as they are chosen. Disposing it, or cancelling its token, frees its place within one step.</summary>
public sealed class ServedGeneration : IAsyncDisposable
{
    private readonly Channel<ServedToken> _tokens = Channel.CreateUnbounded<ServedToken>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private readonly CancellationTokenSource _leaving;
    private readonly bool[] _unwanted;
    private int _isDisposed;

    internal ServedGeneration(ServingRequest request, CancellationToken cancellation)
    {
        Request = request;
        _unwanted = new bool[request.Choices];
        _leaving = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        HasLeft = _leaving.Token;
    }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens => Request.Prompt.Length;

    /// <summary>Those of them whose keys and values were there already; known once the first token comes.</summary>
    public int CachedTokens { get; internal set; }

    /// <summary>How long the request waited for a place; known once the first token comes.</summary>
    public TimeSpan QueueTime { get; internal set; }

    internal ServingRequest Request { get; }

    /// <summary>Whether the client is gone.</summary>
    internal CancellationToken HasLeft { get; }

    /// <summary>The tokens of all answers, each as soon as it is chosen; ends when all answers have ended.</summary>
    /// <exception cref="OperationCanceledException">The request was cancelled, or the scheduler was closed.</exception>
    public async IAsyncEnumerable<ServedToken> ReadAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, HasLeft);
        await foreach (ServedToken token in _tokens.Reader.ReadAllAsync(either.Token).ConfigureAwait(false)) yield return token;
    }

    /// <summary>Ends one answer early, where its reader has seen enough.</summary>
    /// <param name="choice">Which.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such answer.</exception>
    public void End(int choice)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(choice);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(choice, _unwanted.Length);
        Volatile.Write(ref _unwanted[choice], true);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        await _leaving.CancelAsync().ConfigureAwait(false);
        _leaving.Dispose();
    }

    /// <summary>Whether an answer is still wanted.</summary>
    internal bool Wants(int choice) => !Volatile.Read(ref _unwanted[choice]);

    internal void Give(ServedToken token) => _tokens.Writer.TryWrite(token);

    internal void Complete(Exception? error = null) => _tokens.Writer.TryComplete(error);
}
