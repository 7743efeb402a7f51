using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Tests.Model;
using Xunit;

namespace GptOss.Reference.Tests.Cuda;

/// <summary>Observers of a model on a device see what they see on the processor, stage by stage, and what they change has the same effect.</summary>
public sealed class DeviceObserverTests : IDisposable
{
    private readonly SmallModels _models = new();

    public static TheoryData<Stage> Stages => [.. Enum.GetValues<Stage>()];

    public void Dispose() => _models.Dispose();

    [Theory]
    [InlineData(0b11, 12)]
    [InlineData(0b10, 3)]
    public void Every_stage_is_the_same_with_experts_on_either_side(int held, int tokens)
    {
        (List<string> processor, List<string> device) = Both(held, tokens, edited: null);
        Assert.Equal(processor, device);
        Assert.Equal(2 * (2 * 13 + 4), processor.Count(line => !line.StartsWith("attention", StringComparison.Ordinal)));
    }

    [Theory, MemberData(nameof(Stages))]
    public void What_is_changed_at_a_stage_is_what_follows(Stage stage)
    {
        (List<string> processor, List<string> device) = Both(0b11, tokens: 10, stage);
        Assert.Equal(processor, device);
        Assert.NotEqual(Both(0b11, tokens: 10, edited: null).Processor, processor);
    }

    /// <summary>Two passes of two sequences, the second of one token each.</summary>
    private (List<string> Processor, List<string> Device) Both(int held, int tokens, Stage? edited)
    {
        string folder = _models.Write(SmallModels.Smallest, 1);
        using EmulatedDevice device = new(3, layer => (held >> layer & 1) != 0);
        using Transformer there = device.Load(folder), here = SmallModels.Load(folder);
        return (Run(here, tokens, edited), Run(there, tokens, edited));
    }

    private static List<string> Run(Transformer model, int tokens, Stage? edited)
    {
        List<string> seen = [];
        Sequence a = model.NewSequence(), b = model.NewSequence();
        Observer observer = new(seen, edited);
        foreach (int count in (int[])[tokens, 1])
        {
            Rows rows = model.Forward(
                [
                    new(a, SmallModels.Ids(count, 64, 1), LogitRows.All), new(b, SmallModels.Ids(2, 64, 2), LogitRows.Last),
                ], ref observer);
            seen.Add($"result {Text(rows)}");
        }
        return seen;
    }

    private static string Text(Rows rows)
    {
        List<float> all = [];
        SmallModels.Append(all, rows);
        return $"{rows.Count} x {rows.Width} {SmallModels.Hash(all.ToArray())}";
    }

    /// <summary>Writes down what it sees, and changes one kind of stage.</summary>
    private readonly struct Observer(List<string> seen, Stage? edited) : IStageObserver
    {
        public static bool IsActive => true;

        public static bool SeesAttention => true;

        public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values)
        {
            seen.Add($"{stage} {layer} {Positions(origins)} {Text(values)}");
            for (int row = 0; stage == edited && row < values.Count; row++)
            {
                for (int i = row % 3; i < values.Width; i += 3)
                    values[row][i] = i % 2 == 0 ? -values[row][i] : values[row][i] + 0.25f * row;
            }
        }

        public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken)
        {
            seen.Add($"experts {layer} {Positions(origins)} {string.Join(' ', experts.ToArray())} {Text(router)}");
            for (int row = 0; edited == Stage.Experts && row < router.Count; row++)
            {
                experts[row * perToken] = (experts[row * perToken + 1] + 1) % 4;
                router[row][experts[row * perToken]] += 0.5f;
            }
        }

        public bool WantsAttention(int layer, RowOrigin origin) => origin.Position % 2 == layer % 2;

        public void ObserveAttention(int layer, RowOrigin origin, int head, ReadOnlySpan<float> probabilities, float sink) =>
            seen.Add($"attention {layer} {origin.Position} {head} {probabilities.Length} {SmallModels.Hash([.. probabilities, sink])}");

        private static string Positions(ReadOnlySpan<RowOrigin> origins)
        {
            List<int> positions = [];
            foreach (RowOrigin origin in origins)
                positions.Add(origin.Position);
            return string.Join(',', positions);
        }
    }
}
