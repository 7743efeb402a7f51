using System.Diagnostics;
using System.Globalization;
using GptOss.Cli.Output;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;

namespace GptOss.Cli.Bench;

/// <summary>One timed run.</summary>
/// <param name="Kind"><c>prefill</c> or <c>decode</c>.</param>
/// <param name="Tokens">Tokens that the time is for.</param>
/// <param name="Context">Cached positions before the first of them.</param>
/// <param name="Seconds">Wall-clock time.</param>
/// <param name="Bytes">Stored bytes of the weights that have to be read: per token in decode, where packed weights count as packed, and once a chunk
/// in prefill. The cache is not counted.</param>
/// <param name="Operations">Multiplications and additions.</param>
internal sealed record BenchRun(string Kind, int Tokens, int Context, double Seconds, double Bytes, double Operations)
{
    internal double TokensPerSecond => Tokens / Seconds;

    internal double BytesPerSecond => Bytes / Seconds;

    internal double OperationsPerSecond => Operations / Seconds;
}

/// <summary>Times prefill and decode of one model. Every repeat does the same work on the same ids.</summary>
internal sealed class BenchRuns(Transformer model, CancellationToken cancellation)
{
    private readonly GptOssConfig _config = model.Config;
    private readonly Sampler _sampler = new();
    private readonly LogitsBuffer _logits = new();

    internal List<BenchRun> Runs { get; } = [];

    /// <summary>Hash of the logits of the last token of the last prompt.</summary>
    internal string LogitsHash { get; private set; } = "";

    /// <summary>The most private memory that was seen after a run, in bytes; the mapped weights are not private.</summary>
    internal long PeakPrivateBytes { get; private set; }

    /// <summary>Bytes that the timed runs read from the disk; null where the system does not say.</summary>
    internal long? DiskBytes { get; private set; } = DiskReads.Bytes() is null ? null : 0;

    /// <summary>Seeded ids.</summary>
    internal static int[] Ids(int count, int vocabulary)
    {
        var random = new Random(1);
        int[] ids = new int[count];
        for (int i = 0; i < count; i++)
            ids[i] = random.Next(vocabulary);
        return ids;
    }

    /// <summary>Feeds a prompt to an empty sequence, once to warm up and <paramref name="repeats"/> times timed.</summary>
    internal void Prefill(int tokens, int repeats)
    {
        int[] ids = Ids(tokens, _config.VocabSize);
        double bytes = Math.Ceiling(tokens / (double)Sequence.ChunkTokens) * WorkPerToken.LayerBytes(model.Checkpoint);
        double operations = (double)tokens * WorkPerToken.Operations(_config) + WorkPerToken.AttentionOperations(_config, 0, tokens);
        for (int repeat = -1; repeat < repeats; repeat++)
        {
            using Sequence sequence = model.NewSequence();
            long start = Stopwatch.GetTimestamp();
            long? disk = DiskReads.Bytes();
            ReadOnlySpan<float> logits = Feed(sequence, ids);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (repeat >= 0)
                DiskBytes += DiskReads.Bytes() - disk;
            Sample();
            if (repeat < 0)
                LogitsHash = Hash(logits);
            else
                Runs.Add(new("prefill", tokens, 0, seconds, bytes, operations));
        }
    }

    /// <summary>
    /// Continues greedily after <paramref name="context"/> tokens, once to warm up and <paramref name="repeats"/> times timed.
    /// </summary>
    internal void Decode(int context, int tokens, int repeats)
    {
        int[] ids = Ids(context, _config.VocabSize);
        using Sequence sequence = model.NewSequence();
        int[] first = [_sampler.Choose(Feed(sequence, ids), default, 0)];
        double bytes = (double)tokens * (WorkPerToken.Bytes(model.Checkpoint) - model.BytesSavedByPacking);
        double operations = tokens * (WorkPerToken.Operations(_config) + 2.0 * _config.VocabSize * _config.HiddenSize)
            + WorkPerToken.AttentionOperations(_config, context, tokens);
        for (int repeat = -1; repeat < repeats; repeat++)
        {
            if (sequence.Truncate(context) < context)
                Feed(sequence, ids);               // a ring has overwritten what came before the context
            var decoding = new Decoding(sequence, first, new() { MaxTokens = tokens });
            long start = Stopwatch.GetTimestamp();
            long? disk = DiskReads.Bytes();
            while (decoding.End is null)
            {
                decoding.Feed(model, _logits, cancellation);
                decoding.Take(_logits[0]);
            }
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (repeat >= 0)
                DiskBytes += DiskReads.Bytes() - disk;
            Sample();
            if (repeat >= 0)
                Runs.Add(new("decode", tokens, context, seconds, bytes, operations));
        }
    }

    private ReadOnlySpan<float> Feed(Sequence sequence, int[] ids)
    {
        TokenFeed feed = new(sequence, ids, LogitRows.Last);
        while (feed.Left > 0)
            model.Forward(feed.Next(), _logits, cancellation);
        return _logits[0];
    }

    private static string Hash(ReadOnlySpan<float> row)
    {
        using var hash = new LogitsHash();
        hash.Add(row);
        return hash.ToString();
    }

    private void Sample() => PeakPrivateBytes = Math.Max(PeakPrivateBytes, PrivateBytes());

    /// <summary>Private memory that is resident now.</summary>
    private static long PrivateBytes()
    {
        try
        {
            // Linux tells private pages from mapped ones; Process.PrivateMemorySize64 counts what was only reserved there.
            foreach (string line in File.ReadLines("/proc/self/status"))
            {
                if (line.StartsWith("RssAnon:", StringComparison.Ordinal))
                    return long.Parse(line.AsSpan(8).Trim().TrimEnd("kB ").ToString(), CultureInfo.InvariantCulture) * 1024;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            // Another system: fall back to what it reports.
        }
        using var process = Process.GetCurrentProcess();
        return process.PrivateMemorySize64;
    }
}
