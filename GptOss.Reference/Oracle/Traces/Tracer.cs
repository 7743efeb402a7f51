using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;
using GptOss.Reference.Oracle.Routing;
using GptOss.Reference.Oracle.Stages;

namespace GptOss.Reference.Oracle.Traces;

/// <summary>What is traced.</summary>
public record TraceOptions
{
    /// <summary>The positions whose rows are kept, ascending; null for all.</summary>
    public IReadOnlyList<int>? Positions { get; init; }

    /// <summary>The stages that are kept.</summary>
    public StageFilter Stages { get; init; } = StageFilter.All;

    /// <summary>Receives the experts of every token, whatever the positions and stages, in order of the positions; null for none.</summary>
    public Action<RoutedToken>? Routing { get; init; }

    /// <summary>Choices of experts that the run is forced to; null for its own.</summary>
    public RoutingReplay? Replay { get; init; }

    /// <summary>Receives the number of tokens done.</summary>
    public IProgress<int>? Progress { get; init; }
}

/// <summary>Runs a model and records its stages, by the names, shapes and types of the golden packs.</summary>
public static class Tracer
{
    /// <summary>
    /// Runs ids through a model and keeps nothing: for the logits hash, and for <see cref="TraceOptions.Routing"/>, which receives every token.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="ids">Token ids; at least one.</param>
    /// <param name="options">Positions, which may be none and then no logits are computed; routing, replay and progress.</param>
    /// <param name="cancellation">Stops between chunks.</param>
    /// <returns>The hash of the logits rows of the positions.</returns>
    /// <exception cref="ArgumentException">No ids, positions that do not ascend within them, or a replay of another length.</exception>
    public static string Run(Transformer model, ReadOnlyMemory<int> ids, TraceOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        IReadOnlyList<int> positions = options.Positions is { Count: 0 } none && !ids.IsEmpty ? none : PositionsOf(options, ids.Length);
        return Run(model, ids, positions, null, options, cancellation);
    }

    /// <summary>Runs ids through a model and keeps stages in memory.</summary>
    /// <param name="model">The model.</param>
    /// <param name="ids">Token ids; at least one.</param>
    /// <param name="options">Positions, stages and progress; what concerns files is not used.</param>
    /// <param name="cancellation">Stops between chunks.</param>
    /// <exception cref="ArgumentException">No ids, positions that do not ascend within them, or stages that do not exist.</exception>
    public static Trace Record(Transformer model, ReadOnlyMemory<int> ids, TraceOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        options ??= new();
        return Record(model, ids, PositionsOf(options, ids.Length), Wanted(model.Config, options.Stages), options, cancellation);
    }

    /// <summary>The same for stages that were chosen one by one; there may be none, for the hash alone.</summary>
    internal static Trace Record(Transformer model, ReadOnlyMemory<int> ids, IReadOnlyList<int> positions, IEnumerable<StageKey> keys,
        TraceOptions options,
        CancellationToken cancellation)
    {
        List<StageRows> stages = [.. keys.Select(key => new StageRows(key, positions.Count, key.Width(model.Config)))];
        var recorder = new MemoryRecorder(positions, stages.ToDictionary(stage => stage.Key));
        string hash = Run(model, ids, positions, recorder, options, cancellation);
        return new(model.Precision, positions, stages, hash);
    }

    /// <summary>The wanted stages of a model, in forward order.</summary>
    internal static List<StageKey> Wanted(GptOssConfig config, StageFilter stages)
    {
        List<StageKey> wanted = [.. StageKey.All(config).Where(key => stages.Matches(key.Name))];
        return wanted.Count > 0 ? wanted
            : throw new ArgumentException($"No stage of a model of {config.NumHiddenLayers} layers matches '{stages}'; give names such as " +
                $"block.0.*,*.residual,logits.", nameof(stages));
    }

    /// <summary>The positions that are kept, checked.</summary>
    internal static IReadOnlyList<int> PositionsOf(TraceOptions options, int tokens)
    {
        if (tokens == 0)
            throw new ArgumentException("There are no token ids to trace.", nameof(options));
        if (options.Positions is not { } positions)
            return [.. Enumerable.Range(0, tokens)];
        int last = -1;
        foreach (int position in positions)
        {
            if (position <= last || position >= tokens)
                throw new ArgumentException($"Position {position} is wanted; positions must ascend within 0 to {tokens - 1}.", nameof(options));
            last = position;
        }
        return positions.Count > 0 ? positions : throw new ArgumentException("There are no positions to trace.", nameof(options));
    }

    /// <summary>Runs ids through a model on a recorder and returns the logits hash.</summary>
    internal static string Run(Transformer model, ReadOnlyMemory<int> ids, IReadOnlyList<int> positions, TraceRecorder? recorder,
        TraceOptions options,
        CancellationToken cancellation)
    {
        if (options.Replay is { } replay && !replay.Fits(model.Config, ids.Length))
        {
            throw new ArgumentException($"The replay has choices for {replay.Tokens} tokens and is not of {ids.Length} tokens of this model.",
                nameof(options));
        }
        var observer = new TracingObserver(recorder, options.Routing is { } receive ? new(model.Config, ids, receive) : null, options.Replay);
        using var hash = new LogitsHash();
        PromptPass.Run(model, ids, positions, ref observer, (_, logits) => hash.Add(logits), options.Progress, cancellation);
        return hash.ToString();
    }
}
