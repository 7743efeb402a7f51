using System.Diagnostics;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;

namespace GptOss.Reference.Serving;

/// <summary>
/// Runs many requests on one model: every step is one forward pass over the next token of each running answer and up to
/// <see cref="RunningBatch.StepTokens"/> prompt tokens of those still reading, so a long prompt does not stall the others. Answers are the same
/// bytes alone and in company, because the model's rows are.
/// </summary>
/// <remarks>One thread of its own does all work with the model; the methods may be called from any thread.</remarks>
public sealed class Scheduler : IAsyncDisposable
{
    private readonly SchedulerOptions _options;
    private readonly Lock _gate = new();
    private readonly WaitingLine _waiting = new();                       // guarded by the gate, as all that follows
    private readonly SemaphoreSlim _work = new(0);
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _loop;
    private SchedulerState _state;
    private Exception? _defect;                                          // what ended the loop, where it was not asked to end
    private double _secondsARequest = 1;                                 // running average, for Retry-After

    /// <summary>A scheduler for a model, which stays the caller's.</summary>
    public Scheduler(Transformer model, SchedulerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        (Model, _options) = (model, options ?? new SchedulerOptions());
        _loop = Task.Factory.StartNew(Loop, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Every step: its duration and the number of its sequences. Raised on the scheduler's thread.</summary>
    public event Action<TimeSpan, int>? StepTaken;

    /// <summary>The model.</summary>
    public Transformer Model { get; }

    /// <summary>The most answers that a request may have.</summary>
    internal int MostChoices => _options.MaxSequences;

    /// <summary>What is going on.</summary>
    public SchedulerState State
    {
        get
        {
            lock (_gate)
            {
                return _state with { Waiting = _waiting.Count };
            }
        }
    }

    /// <summary>Takes a request.</summary>
    /// <param name="request">The prompt and how to continue it.</param>
    /// <param name="cancellation">Ends the request within one step, wherever it is.</param>
    /// <exception cref="PromptException">The prompt is empty, exceeds the context, or has an unknown id.</exception>
    /// <exception cref="BudgetException">The answers are to be closed within their budget, and not even the shortest one fits.</exception>
    /// <exception cref="QueueFullException">Too many requests wait.</exception>
    /// <exception cref="ObjectDisposedException">The scheduler is closed.</exception>
    /// <exception cref="InvalidOperationException">A defect has ended the scheduler; the inner exception is what happened.</exception>
    public ServedGeneration Submit(ServingRequest request, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        PromptLimits.Require(Model.Config, request.Prompt.Span);
        if (request.Choices > MostChoices)
            throw new ArgumentException($"{request.Choices} answers are more than the {MostChoices} that run at once.", nameof(request));
        if (request is { CloseOnBudget: true, Constraint: { } constraint })
            Decoding.RequireClosable(constraint, request.MaxTokens, Model.Config.MaxPositions - request.Prompt.Length);
        var generation = new ServedGeneration(request, cancellation);
        lock (_gate)
        {
            RequireRunning();
            if (_waiting.Count >= _options.MaxQueue + Math.Max(0, _options.MaxSequences - _state.Running))
                throw new QueueFullException(RetryAfter());
            _waiting.Add(new Waiting(generation, Stopwatch.GetTimestamp()));
        }

        // A client that leaves while nothing else happens is noticed at once.
        generation.HasLeft.Register(() => Wake());
        Wake();
        return generation;
    }

    /// <exception cref="ObjectDisposedException">The scheduler is closed.</exception>
    /// <exception cref="InvalidOperationException">A defect has ended the scheduler.</exception>
    internal void RequireRunning()
    {
        lock (_gate)
        {
            if (_defect is { } defect)
                throw new InvalidOperationException($"The scheduler has failed: {defect.Message}", defect);
            ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, this);
        }
    }

    /// <summary>Ends every request and the thread.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_closing.IsCancellationRequested)
                return;
            _closing.Cancel();
        }

        Wake();
        await _loop.ConfigureAwait(false);
    }

    private void Wake()
    {
        // One permit is enough: the loop looks at everything each time.
        lock (_work)
        {
            if (_work.CurrentCount == 0)
                _work.Release();
        }
    }

    private void Loop()
    {
        var batch = new RunningBatch(Model, _options.Within(Model.CacheMemory.Limit))
        {
            StepTaken = (taken, sequences) => StepTaken?.Invoke(taken, sequences),
        };
        Exception end = new OperationCanceledException("The scheduler was closed.");
        try
        {
            while (!_closing.IsCancellationRequested)
                Turn(batch);
        }
        catch (Exception exception)
        {
            end = exception;                                             // a defect: no request may wait for an answer that never comes
            lock (_gate)
            {
                _defect = exception;
            }
        }

        batch.Close(end);
        lock (_gate)
        {
            while (_waiting.Take() is { } waiting)
                waiting.Generation.Complete(end);
        }

        Publish(batch);
    }

    private void Turn(RunningBatch batch)
    {
        Admit(batch);
        Publish(batch);                                                  // who runs is known before its first token is
        if (!batch.IsEmpty)
            batch.Step(_closing.Token);
        Publish(batch);
        // Whoever waits now found no place before the step; what comes later wakes the loop.
        if (batch.IsEmpty && State.Waiting == 0)
            _work.Wait();
    }

    private void Admit(RunningBatch batch)
    {
        lock (_gate)
        {
            foreach (ServedGeneration left in _waiting.TakeLeft())
                left.Complete(new OperationCanceledException(left.HasLeft));
            batch.Leave();
            while (_waiting.Peek() is { } next && batch.HasRoomFor(next.Generation.Request))
                batch.Add(_waiting.Take()!);
        }
    }

    private void Publish(RunningBatch batch)
    {
        lock (_gate)
        {
            _state = batch.State;
            if (batch.SecondsARequest is { } seconds)
                _secondsARequest = seconds;
        }
    }

    // A place is free once one of the running requests ends; those before in the line need one, too.
    private int RetryAfter() => (int)Math.Clamp(Math.Ceiling(_secondsARequest * (_waiting.Count + 1) / Math.Max(1, _state.Running)), 1, 60);
}
