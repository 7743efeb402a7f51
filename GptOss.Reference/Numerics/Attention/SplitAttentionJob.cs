using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Caches;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Attention;

/// <summary>
/// The attention of one token, split more finely than by key/value head, for long contexts and more workers than heads: scores by (head, key range),
/// softmax by query head, the mix by (head, channel block). No sum is split, so the bits are those of
/// <see cref="SinkAttentionJob{TBlock, TVector, TProfile}"/>.
/// </summary>
internal unsafe struct SplitAttentionJob<TBlock, TVector, TProfile> : IJob
    where TBlock : struct, IF32x16<TBlock>
    where TVector : struct, IVector<TVector>
    where TProfile : struct, IProfile
{
    private const int Tile = AttentionSteps<TBlock, TVector, TProfile>.TileKeys;

    internal HostCache Cache;
    internal int First;
    internal int Keys;
    internal float* Q;
    internal float* Sinks;
    internal int KeyValueHeads;
    internal int QueriesPerHead;
    internal int HeadDim;
    internal float Scale;
    internal float* Output;

    /// <summary>[heads, <see cref="Stride"/>].</summary>
    internal float* Scores;

    /// <summary>[heads].</summary>
    internal float* Denominators;

    /// <summary>Scores of one query head, padded to whole blocks.</summary>
    internal readonly int Stride => AttentionSteps<TBlock, TVector, TProfile>.ScoreStride(Keys);

    private Action _step;

    private enum Action
    {
        Score,
        Softmax,
        Mix,
    }

    /// <summary>Floats that <see cref="Scores"/> and <see cref="Denominators"/> take together.</summary>
    internal static int ScratchFloats(int heads, int keys) => checked(heads * (AttentionSteps<TBlock, TVector, TProfile>.ScoreStride(keys) + 1));

    /// <summary>Runs the three steps one after the other.</summary>
    internal static void Run(WorkerPool pool, ref SplitAttentionJob<TBlock, TVector, TProfile> job)
    {
        job._step = Action.Score;
        pool.Run(ref job);
        job._step = Action.Softmax;
        pool.Run(ref job);
        job._step = Action.Mix;
        pool.Run(ref job);
    }

    public readonly void Execute(int part, int parts)
    {
        switch (_step)
        {
            case Action.Score:
                int ranges = (Keys + Tile - 1) / Tile;
                (int begin, int end) = WorkerPool.Share(KeyValueHeads * ranges, 1, part, parts);
                for (int unit = begin; unit < end; unit++)
                    Score(unit / ranges, unit % ranges * Tile);
                break;
            case Action.Softmax:
                (begin, end) = WorkerPool.Share(KeyValueHeads * QueriesPerHead, 1, part, parts);
                for (int h = begin; h < end; h++)
                    Denominators[h] = AttentionSteps<TBlock, TVector, TProfile>.Softmax(Scores + (nint)h * Stride, Keys, Sinks[h]);
                break;
            default:
                int blocks = Cache.PaddedHeadDim / 16;
                (begin, end) = WorkerPool.Share(KeyValueHeads * blocks, 1, part, parts);
                for (int unit = begin; unit < end; unit++)
                    Mix(unit / blocks, unit % blocks * 16);
                break;
        }
    }

    private readonly void Score(int head, int firstKey)
    {
        int dim = Cache.PaddedHeadDim;
        fixed (float* query = ThreadScratch.Floats(dim + Tile * dim))
        {
            for (int k = firstKey, n; k < Math.Min(firstKey + Tile, Keys); k += n)
            {
                float* keyRows = Cache.Tile(head, First + k, Math.Min(firstKey + Tile, Keys) - k, values: false, query + dim, out n);
                float* ahead = Cache.Ahead(head, First + k + n, Keys - k - n, values: false, keyRows);
                for (int h = head * QueriesPerHead; h < (head + 1) * QueriesPerHead; h++)
                {
                    new Span<float>(query, dim).Clear();
                    new ReadOnlySpan<float>(Q + h * HeadDim, HeadDim).CopyTo(new Span<float>(query, dim));
                    AttentionSteps<TBlock, TVector, TProfile>.Score(query, keyRows, n, dim, Scale, Scores + (nint)h * Stride + k,
                        ahead + 32 * (h - head * QueriesPerHead));
                }
            }
        }
    }

    private readonly void Mix(int head, int firstChannel)
    {
        int dim = Cache.PaddedHeadDim;
        fixed (float* mixed = ThreadScratch.Floats(QueriesPerHead * dim + Tile * dim))
        {
            new Span<float>(mixed, QueriesPerHead * dim).Clear();
            for (int k = 0, n; k < Keys; k += n)
            {
                float* valueRows = Cache.Tile(head, First + k, Math.Min(Tile, Keys - k), values: true, mixed + QueriesPerHead * dim, out n);
                float* ahead = Cache.Ahead(head, First + k + n, Keys - k - n, values: true, valueRows);
                AttentionSteps<TBlock, TVector, TProfile>.Mix(
                    Scores + (nint)head * QueriesPerHead * Stride + k, Stride, QueriesPerHead, valueRows, n, dim, firstChannel,
                    firstChannel + 16, mixed,
                    (nint)(ahead - valueRows));
            }
            for (int h = 0; h < QueriesPerHead; h++)
            {
                int query = head * QueriesPerHead + h;
                AttentionSteps<TBlock, TVector, TProfile>.Finish(mixed + h * dim, Denominators[query], firstChannel,
                    Math.Min(firstChannel + 16, HeadDim), Output + query * HeadDim);
            }
        }
    }
}
