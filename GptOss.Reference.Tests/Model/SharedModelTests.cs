using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using Xunit;

namespace GptOss.Reference.Tests.Model;

/// <summary>Many threads at one model.</summary>
public class SharedModelTests(SmallModels models) : IClassFixture<SmallModels>
{
    private const int Callers = 8, Rounds = 12, Answer = 10, Prompts = 10;

    [Fact]
    public async Task Every_answer_of_many_threads_batches_and_cancellations_has_the_logits_of_a_run_alone()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1), threads: 2);
        int[][] prompts = [.. Enumerable.Range(0, Prompts).Select(i => SmallModels.Ids(1 + 67 * i, 64, i))];
        string[] alone = [.. prompts.Select(prompt => Alone(model, prompt))];
        int cancelled = 0, completed = 0;

        await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Factory.StartNew(() =>
        {
            var random = new Random(caller);
            for (int round = 0; round < Rounds; round++)
            {
                using var company = new Company(model, [.. Enumerable.Range(0, 1 + random.Next(3)).Select(_ => random.Next(Prompts))], prompts);
                while (company.Next(random) is { Length: > 0 } batch)
                {
                    using var cancellation = new CancellationTokenSource();
                    int stages = random.Next(60);
                    try
                    {
                        CancelsAfter observer = new(stages < 20 ? cancellation : null, stages);
                        company.Take(model.Forward(batch, company.Logits, ref observer, cancellation.Token));
                        Interlocked.Increment(ref completed);
                    }
                    catch (OperationCanceledException)
                    {
                        Interlocked.Increment(ref cancelled);
                    }
                }
                Assert.All(company.Hashes, answer => Assert.Equal(alone[answer.Prompt], answer.Hash));
            }
        }, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

        Assert.InRange(cancelled, 100, int.MaxValue);
        Assert.InRange(completed, Callers * Rounds * (Answer - 1), int.MaxValue);
    }

    private static string Alone(Transformer model, int[] prompt)
    {
        using LogitsHash hash = new();
        Sequence sequence = model.NewSequence();
        int[] next = prompt;
        for (int i = 0; i < Answer; i++)
        {
            float[] row = model.Forward(new BatchItem(sequence, next, LogitRows.Last))[0].ToArray();
            hash.Add(row);
            next = [Array.IndexOf(row, row.Max())];
        }
        return hash.ToString();
    }

    /// <summary>Some answers that one caller computes together.</summary>
    private sealed class Company(Transformer model, int[] of, int[][] prompts) : IDisposable
    {
        private readonly One[] _all = [.. of.Select(prompt => new One(model.NewSequence(), prompt, [.. prompts[prompt]], new()))];
        private One[] _fed = [];

        internal LogitsBuffer Logits { get; } = new();

        internal IEnumerable<(int Prompt, string Hash)> Hashes => _all.Select(one => (one.Prompt, one.Hash.ToString()));

        /// <summary>A random part of what every unfinished answer has not been fed yet; empty at the end. A pass that was cancelled shows in the sequences.</summary>
        internal BatchItem[] Next(Random random)
        {
            _fed = [.. _all.Where(one => one.Rows < Answer)];
            return [.. _fed.Select(one =>
            {
                int left = one.Ids.Count - one.Sequence.Length, count = random.Next(3) == 0 ? 1 + random.Next(left) : left;
                return new BatchItem(one.Sequence, one.Ids.Slice(one.Sequence.Length, count).ToArray(), count == left ? LogitRows.Last : LogitRows.None);
            })];
        }

        internal void Take(Rows rows)
        {
            int row = 0;
            foreach (One one in _fed.Where(one => one.Sequence.Length == one.Ids.Count))
            {
                float[] logits = rows[row++].ToArray();
                one.Hash.Add(logits);
                one.Rows++;
                one.Ids.Add(Array.IndexOf(logits, logits.Max()));
            }
            Assert.Equal(row, rows.Count);
        }

        public void Dispose()
        {
            foreach (One one in _all)
                one.Hash.Dispose();
        }

        private sealed record One(Sequence Sequence, int Prompt, List<int> Ids, LogitsHash Hash)
        {
            internal int Rows { get; set; }
        }
    }

    private struct CancelsAfter(CancellationTokenSource? cancellation, int stages) : IStageObserver
    {
        private int _seen;

        public static bool IsActive => true;

        public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values)
        {
            if (_seen++ == stages)
                cancellation?.Cancel();
        }

        public readonly void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken)
        {
        }
    }
}
