using GptOss.Reference.Checkpoints;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Routing;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.Model;
using GptOss.Reference.Tests.Numerics;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Routing;

/// <summary>A replay forces what the file says, and nothing else.</summary>
public sealed class RoutingReplayTests(SmallModels models) : IClassFixture<SmallModels>, IDisposable
{
    private const int Changed = 6, Layer = 1;

    private static readonly int[] Ids = SmallModels.Ids(12, 64, 9);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    public void A_run_s_own_choices_give_the_same_bits(Precision precision)
    {
        using Transformer model = Load(precision);
        using (FileStream file = File.Create(_folder.File("own.jsonl")))
        {
            var writer = new RoutingWriter(file);
            Tracer.Run(model, Ids, new() { Routing = writer.Add }, TestContext.Current.CancellationToken);
            writer.Flush();
        }
        List<RecordedRouting> own = RecordedRouting.Of(model, Ids, out string hash);
        var replay = RoutingReplay.Read(_folder.File("own.jsonl"), model.Config, Ids);
        List<RecordedRouting> replayed = RecordedRouting.Of(model, Ids, out string again, new() { Replay = replay });
        Assert.Equal(hash, again);
        Assert.Equal(own.SelectMany(token => token.Margins), replayed.SelectMany(token => token.Margins));
        Assert.Equal((Ids.Length * 2, 0, null), (replay.Forced, replay.Changed, replay.FirstChange));
    }

    [Fact]
    public void The_order_in_which_experts_are_listed_does_not_count()
    {
        using Transformer model = Load();
        List<RecordedRouting> own = RecordedRouting.Of(model, Ids, out string hash);
        RoutingReplay replay = Read(model, own.Select(token => token.Experts.Select(experts => experts.Reverse().ToArray()).ToArray()));
        List<RecordedRouting> replayed = RecordedRouting.Of(model, Ids, out string again, new() { Replay = replay });
        Assert.Equal(hash, again);
        Assert.Equal(own.Select(token => token.Experts), replayed.Select(token => token.Experts));
    }

    [Fact]
    public void Another_choice_changes_its_token_and_layer_and_what_follows_from_it()
    {
        using Transformer model = Load();
        List<RecordedRouting> own = RecordedRouting.Of(model, Ids, out _);
        int[][][] choices = [.. own.Select(token => token.Experts.Select(experts => experts.ToArray()).ToArray())];
        choices[Changed][Layer][^1] = own[Changed].RunnersUp[Layer];
        RoutingReplay replay = Read(model, choices);
        Trace before = Tracer.Record(model, Ids, cancellation: TestContext.Current.CancellationToken);
        Trace after = Tracer.Record(model, Ids, new() { Replay = replay }, TestContext.Current.CancellationToken);
        Assert.Equal((1, (Changed, Layer)), (replay.Changed, replay.FirstChange!.Value));

        // The last layer has changed, so no other token can have seen it.
        Stage[] later = [Stage.ExpertWeights, Stage.SwiGlu, Stage.MlpResidual, Stage.Norm, Stage.Logits];
        foreach (StageRows stage in before.Stages)
        {
            for (int row = 0; row < Ids.Length; row++)
            {
                bool differs = row == Changed && later.Contains(stage.Key.Stage) && stage.Key.Layer != 0;
                if (!stage.Key.IsExperts)
                    Assert.True(stage[row].SequenceEqual(after.Find(stage.Key)![row]) != differs, $"{stage.Key}, row {row}");
            }
        }
        StageKey experts = new(Stage.Experts, Layer);
        Assert.Equal(choices[Changed][Layer], after.Find(experts)!.Experts(Changed));

        float[] router = [.. after.Find(new(Stage.Router, Layer))![Changed]];
        float[] expected = Definition.Route([.. choices[Changed][Layer].Select(expert => router[expert])], 2, Precision.Float32).Weights;
        Assert.Equal(expected, after.Find(new(Stage.ExpertWeights, Layer))![Changed].ToArray());
        Assert.Equal(-own[Changed].Margins[Layer], RecordedRouting.Of(model, Ids, out _, new() { Replay = replay })[Changed].Margins[Layer]);
    }

    [Fact]
    public void A_change_in_an_earlier_layer_reaches_later_tokens_and_later_choices_stay_forced()
    {
        using Transformer model = Load();
        List<RecordedRouting> own = RecordedRouting.Of(model, Ids, out string hash);
        int[][][] choices = [.. own.Select(token => token.Experts.Select(experts => experts.Order().ToArray()).ToArray())];
        choices[2][0] = [.. Enumerable.Range(0, 4).Except(choices[2][0])];
        List<RecordedRouting> replayed = RecordedRouting.Of(model, Ids, out string changed, new() { Replay = Read(model, choices) });
        Assert.NotEqual(hash, changed);
        Assert.Equal(choices, replayed.Select(token => token.Experts.Select(experts => experts.Order().ToArray()).ToArray()));
        Assert.Equal(own.Take(2).SelectMany(token => token.Margins), replayed.Take(2).SelectMany(token => token.Margins));
        Assert.True(replayed[2].Margins[0] < 0);
    }

    [Fact]
    public void A_replay_of_other_tokens_is_refused()
    {
        using Transformer model = Load();
        RoutingReplay replay = Read(model, RecordedRouting.Of(model, Ids, out _).Select(token => token.Experts));
        var e = Assert.Throws<ArgumentException>(() => Tracer.Run(model, Ids.AsMemory(1), new() { Replay = replay }, TestContext.Current.CancellationToken));
        Assert.StartsWith("The replay has choices for 12 tokens and is not of 11 tokens of this model.", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "r.jsonl: the file is empty; expected one line of JSON for each token.")]
    [InlineData("\n \n", "r.jsonl: there are choices for 0 tokens; 2 ids run.")]
    [InlineData("$\n", "r.jsonl: there are choices for 1 tokens; 2 ids run.")]
    [InlineData("$\n$\n$\n", "r.jsonl, line 3: there is a token too many; 2 ids run.")]
    [InlineData("$\n{\"experts\": [[0, 1], [2,", "r.jsonl, line 2: the document is not valid JSON at line 1, byte 24.")]
    [InlineData("[]", "r.jsonl, line 1: the document is a list; expected an object.")]
    [InlineData("{}", "r.jsonl, line 1: experts is missing; expected a list with the experts of every layer.")]
    [InlineData("{\"experts\": 3}", "r.jsonl, line 1: experts is 3; expected a list of 2 layers.")]
    [InlineData("{\"experts\": [[0, 1]]}", "r.jsonl, line 1: experts has 1 layers; expected 2.")]
    [InlineData("{\"experts\": [[0, 1], null]}", "r.jsonl, line 1: experts[1] is null; expected a list of 2 experts.")]
    [InlineData("{\"experts\": [[0, 1], [2]]}", "r.jsonl, line 1: experts[1] has 1 experts; expected 2.")]
    [InlineData("{\"experts\": [[0, 4], [2, 3]]}", "r.jsonl, line 1: experts[0][1] is 4; experts go from 0 to 3.")]
    [InlineData("{\"experts\": [[0, -1], [2, 3]]}", "r.jsonl, line 1: experts[0][1] is -1; experts go from 0 to 3.")]
    [InlineData("{\"experts\": [[0, 1.5], [2, 3]]}", "r.jsonl, line 1: experts[0][1] is 1.5; experts go from 0 to 3.")]
    [InlineData("{\"experts\": [[0, \"1\"], [2, 3]]}", "r.jsonl, line 1: experts[0][1] is '1'; experts go from 0 to 3.")]
    [InlineData("{\"experts\": [[0, 1], [3, 3]]}", "r.jsonl, line 1: experts[1] holds 3 twice.")]
    [InlineData("$\n{\"position\": 0, \"experts\": [[0, 1], [2, 3]]}", "r.jsonl, line 2: position is 0; expected 1: lines go from position 0 on, one for each token.")]
    [InlineData("{\"id\": 9, \"experts\": [[0, 1], [2, 3]]}", "r.jsonl, line 1: id is 9; expected 5: that id runs there.")]
    public void A_file_that_does_not_fit_is_one_sentence(string content, string sentence)
    {
        using var model = Checkpoint.Open(models.Write(SmallModels.Smallest, 1));
        string file = _folder.Write("r.jsonl", content.Replace("$", "{\"experts\": [[0, 1], [2, 3]], \"from\": \"elsewhere\"}", StringComparison.Ordinal));
        var e = Assert.Throws<CheckpointFormatException>(() => RoutingReplay.Read(file, model.Config, [5, 6]));
        Assert.Equal(sentence, e.Message);
    }

    [Fact]
    public void A_file_that_is_not_there_or_has_an_endless_line_is_one_sentence()
    {
        using var model = Checkpoint.Open(models.Write(SmallModels.Smallest, 1));
        Assert.Throws<CheckpointFormatException>(() => RoutingReplay.Read(_folder.File("none"), model.Config, [5]));
        Assert.Throws<CheckpointFormatException>(() => RoutingReplay.Read(_folder.Path, model.Config, [5]));
        string file = _folder.Write("long.jsonl", new byte[(16 << 20) + 1]);
        var e = Assert.Throws<CheckpointFormatException>(() => RoutingReplay.Read(file, model.Config, [5]));
        Assert.Equal("long.jsonl, line 1: the line is longer than 16777216 bytes.", e.Message);
    }

    [Theory]
    [InlineData("\r\n", 1)]
    [InlineData("\n\n", 20_000)]           // lines across the ends of the reader's buffer
    public void Lines_may_be_long_and_end_as_they_like(string end, int padding)
    {
        using var model = Checkpoint.Open(models.Write(SmallModels.Smallest, 1));
        int[][][] choices = [.. Enumerable.Range(0, 12).Select(position => new int[][] { [position % 4, (position + 1) % 4], [3, position % 3] })];
        string lines = string.Join(end, choices.Select(token => $"{{\"pad\": \"{new string('x', padding)}\", \"experts\": {Json(token)}}}"));
        RoutingReplay replay = RoutingReplay.Read(_folder.Write("r.jsonl", lines), model.Config, Ids);
        Assert.Equal(12, replay.Tokens);
        for (int position = 0; position < 12; position++)
        {
            Assert.Equal(choices[position][0].Order(), replay[position, 0].ToArray());
            Assert.Equal(choices[position][1].Order(), replay[position, 1].ToArray());
        }
    }

    private Transformer Load(Precision precision = Precision.Float32) => SmallModels.Load(models.Write(SmallModels.Smallest, 1), precision: precision);

    /// <summary>The least that an engine must write.</summary>
    private RoutingReplay Read(Transformer model, IEnumerable<int[][]> choices) =>
        RoutingReplay.Read(_folder.Write("theirs.jsonl", string.Concat(choices.Select(token => $"{{\"experts\": {Json(token)}}}\n"))), model.Config, Ids);

    private static string Json(int[][] experts) => $"[{string.Join(", ", experts.Select(list => $"[{string.Join(", ", list)}]"))}]";
}
