using System.Diagnostics;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;

namespace GptOss.Reference.Serving;

/// <summary>The answers that have a place, and the prefixes that are kept. Belongs to the scheduler's thread alone.</summary>
/// <param name="model">The model.</param>
/// <param name="options">How much at once.</param>
internal sealed class RunningBatch(Transformer model, SchedulerOptions options)
{
    /// <summary>Prompt tokens that one step reads at most.</summary>
    internal const int StepTokens = Sequence.ChunkTokens;

    private readonly List<ServedChoice> _running = [];                   // the oldest first
    private readonly List<ServedChoice> _paused = [];                    // gave way to older ones, the oldest first
    private readonly Dictionary<ServedGeneration, long> _since = [];
    private readonly PrefixCache _prefixes = new(options.PrefixBytes, model.CacheMemory.PageBytes);
    private readonly long _tailBytes = TailBytes(model);
    private readonly LogitsBuffer _logits = new();
    private readonly List<BatchItem> _items = [];
    private readonly List<ServedChoice> _fed = [];
    private readonly PassCosts _costs = new();
    private int _drafts;                                                 // tokens of the items that are only guessed
    private bool _isReading, _draftsFailed;
    private int _turn;                                                   // whose prompt is read first in the next step

    /// <summary>Receives the duration of every step and the number of its sequences.</summary>
    internal Action<TimeSpan, int>? StepTaken { get; init; }

    internal bool IsEmpty => _running.Count == 0 && _paused.Count == 0;

    /// <summary>Running average of a request's duration; null before the first has ended.</summary>
    internal double? SecondsARequest { get; private set; }

    internal SchedulerState State
    {
        get
        {
            long held = model.CacheMemory.Held;
            double allowed = (double)options.CacheBytes + options.PrefixBytes;
            return new SchedulerState(_since.Count, 0, _items.Count, held, allowed == 0 ? 0 : held / allowed, _prefixes.Bytes);
        }
    }

    /// <summary>Whether a request can begin. The first always can; others while there are places and memory.</summary>
    internal bool HasRoomFor(ServingRequest request)
    {
        if (IsEmpty)
            return true;
        if (_paused.Count > 0 || _running.Count + request.Choices > options.MaxSequences)
            return false;
        using Sequence begun = _prefixes.Find(request.Prompt.Span) ?? model.NewSequence();
        long need = begun.BytesToExtend(Within(begun, request.Prompt.Length - begun.Length + StepTokens)) + (request.Choices - 1) * _tailBytes;
        return Used() + Promised() + need <= options.CacheBytes;
    }

    /// <summary>Gives a request its places. The first answer reads the prompt, from where a kept prefix ends; the others fork it then.</summary>
    internal void Add(Waiting waiting)
    {
        ServedGeneration generation = waiting.Generation;
        generation.QueueTime = Stopwatch.GetElapsedTime(waiting.Since);
        _since[generation] = Stopwatch.GetTimestamp();
        for (int index = 0; index < generation.Request.Choices; index++)
        {
            _running.Add(new ServedChoice(generation, index,
                options.Speculate > 0 ? new(options.Speculate, PromptLookup.Guess, _costs) : null));
        }
        ServedChoice leader = _running[^generation.Request.Choices];
        leader.Sequence = _prefixes.Find(generation.Request.Prompt.Span) ?? model.NewSequence();
        generation.CachedTokens = leader.Sequence.Length;
    }

    /// <summary>Frees the places of clients that have left and of answers that no one wants any more.</summary>
    internal void Leave()
    {
        foreach (ServedChoice choice in _running.Concat(_paused).ToArray())
        {
            if (choice.Generation.HasLeft.IsCancellationRequested)
                Remove(choice, new OperationCanceledException(choice.Generation.HasLeft));
            else if (!choice.Generation.Wants(choice.Index))
                Remove(choice, null);
        }
    }

    /// <summary>One forward pass, and what the answers make of it.</summary>
    internal void Step(CancellationToken closing)
    {
        Resume();
        Collect(guesses: true);
        if (_drafts > 0 && Outgrows())
            Collect(guesses: false);                                     // no one gives way to a guess
        GiveWay();
        long begin = Stopwatch.GetTimestamp();
        if (!Pass(closing))
            return;
        TimeSpan time = Stopwatch.GetElapsedTime(begin);
        if (!_isReading)
            _costs.Observe(_fed.Count, _drafts, time.TotalSeconds);
        _turn++;
        for (int i = 0, row = 0; i < _fed.Count; i++)
        {
            int rows = _items[i].Logits.Count(_items[i].Tokens.Length);
            if (rows > 0)
                Take(_fed[i], row);
            row += rows;
        }

        StepTaken?.Invoke(Stopwatch.GetElapsedTime(begin), _fed.Count);
    }

    private bool Pass(CancellationToken closing)
    {
        try
        {
            model.Forward(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_items), _logits, closing);
            return true;
        }
        catch (Exception) when (_drafts > 0 && !closing.IsCancellationRequested)
        {
            // Only a wrong guess may have met it: a damaged expert, the end of the memory. Everyone goes on without guesses.
            foreach (ServedChoice choice in _fed)
                choice.Rewind();
            _draftsFailed = true;
            Collect(guesses: false);
            return Pass(closing);
        }
        catch (Exception exception)
        {
            // A pass that failed leaves its sequences at an unknown place: everyone in it receives the error.
            foreach (ServedChoice choice in _fed.ToArray())
                Remove(choice, exception);
            return false;
        }
    }

    /// <summary>Ends everything with an error.</summary>
    internal void Close(Exception error)
    {
        foreach (ServedChoice choice in _running.Concat(_paused).ToArray())
            Remove(choice, error);
        _prefixes.Clear();
    }

    // Answers first, each its next token; then prompts, up to the step's tokens, another one first each time.
    private void Collect(bool guesses)
    {
        _items.Clear();
        _fed.Clear();
        _drafts = 0;
        ServedChoice[] ready = [.. _running.Where(choice => choice.Sequence is not null)];
        ServedChoice[] reading = [.. ready.Where(choice => choice.Unfed > 1)], writing = [.. ready.Where(choice => choice.Unfed == 1)];
        _isReading = reading.Length > 0;
        // Beside a prompt that is read, a guess would cost more than it can bring.
        int answers = !guesses || _isReading || _draftsFailed ? 0 : writing.Length;
        foreach (ServedChoice choice in writing)
            _drafts += Feed(choice, 1, answers) - 1;
        int left = StepTokens;
        for (int i = 0; i < reading.Length && left > 0; i++)
        {
            ServedChoice choice = reading[(_turn + i) % reading.Length];
            left -= Feed(choice, left, answers: 0);
        }
    }

    private int Feed(ServedChoice choice, int most, int answers)
    {
        BatchItem item = choice.Next(most, answers);
        _items.Add(item);
        _fed.Add(choice);
        return item.Tokens.Length;
    }

    private void Take(ServedChoice choice, int row)
    {
        ServedGeneration generation = choice.Generation;
        if (choice.AnswerTokens == 0)
        {
            _prefixes.Keep(choice.Ids, choice.Sequence!);
            // The other answers begin where the prompt ends, each from the same row.
            foreach (ServedChoice other in _running.Where(other => other.Generation == generation && other.Sequence is null).ToArray())
            {
                other.Sequence = choice.Sequence!.Fork();
                Choose(other, row);
            }
        }

        Choose(choice, row);
    }

    private void Choose(ServedChoice choice, int row)
    {
        try
        {
            do
                choice.Take(_logits[row + choice.NextRow]);
            while (choice.AwaitsRow);
        }
        catch (Exception exception)
        {
            Remove(choice, exception);                                   // bad logits, or a defect of its constraint: the others go on
            return;
        }
        if (!choice.HasEnded)
            return;
        _prefixes.Keep(choice.Ids, choice.Sequence!);
        Remove(choice, null);
    }

    // The youngest answers give way where the step would outgrow the memory: their keys and values are computed again later.
    private void GiveWay()
    {
        while (_running.Count(choice => choice.Sequence is not null) > 1 && Outgrows())
        {
            ServedChoice youngest = _running.Last(choice => choice.Sequence is not null);
            _running.Remove(youngest);
            youngest.Sequence!.Dispose();
            youngest.Sequence = null;
            _paused.Insert(0, youngest);
            Collect(guesses: false);
        }
    }

    private bool Outgrows() => Used() + _items.Sum(item => item.Sequence.BytesToExtend(item.Tokens.Length)) > options.CacheBytes;

    private void Resume()
    {
        while (_paused is [var oldest, ..])
        {
            Sequence begun = _prefixes.Find(oldest.Ids) ?? model.NewSequence();
            bool isAlone = _running.TrueForAll(choice => choice.Sequence is null);
            long need = begun.BytesToExtend(Within(begun, oldest.Ids.Length - begun.Length + StepTokens));
            if (!isAlone && Used() + Promised() + need > options.CacheBytes)
            {
                begun.Dispose();
                return;
            }

            _paused.RemoveAt(0);
            oldest.Sequence = begun;
            _running.Add(oldest);
        }
    }

    private void Remove(ServedChoice choice, Exception? error)
    {
        if (!_running.Remove(choice))
            _paused.Remove(choice);
        choice.Sequence?.Dispose();
        choice.Sequence = null;
        ServedGeneration generation = choice.Generation;
        if (error is not null)
        {
            generation.Complete(error);
            foreach (ServedChoice other in _running.Concat(_paused).Where(other => other.Generation == generation).ToArray())
                Remove(other, error);
        }
        if (_running.Concat(_paused).Any(other => other.Generation == generation))
            return;
        generation.Complete();
        if (_since.Remove(generation, out long since))
        {
            double seconds = Stopwatch.GetElapsedTime(since).TotalSeconds;
            SecondsARequest = SecondsARequest is { } average ? 0.9 * average + 0.1 * seconds : seconds;
        }
    }

    // Pages that running answers hold and no kept prefix does; a page that several share counts once.
    private long Used() => model.CacheMemory.Held - _prefixes.Bytes;

    // What those that have a place will hold besides, once they have read what they know.
    private long Promised() => _running.Sum(choice => choice.Sequence is { } sequence ? sequence.BytesToExtend(choice.Unfed) : _tailBytes);

    private int Within(Sequence sequence, int tokens) => Math.Min(tokens, model.Config.MaxPositions - sequence.Length);

    // An answer that forks a prompt: its own tokens, and copies of the pages that it writes to.
    private static long TailBytes(Transformer model)
    {
        using Sequence empty = model.NewSequence();
        return empty.BytesToExtend(Math.Min(StepTokens, model.Config.MaxPositions));
    }
}
