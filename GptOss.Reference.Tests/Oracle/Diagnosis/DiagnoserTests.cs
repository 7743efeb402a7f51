using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Defects;
using GptOss.Reference.Oracle.Diagnosis;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Oracle.Verification;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.Oracle.Defects;
using GptOss.Reference.Tests.Oracle.Dumps;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Diagnosis;

/// <summary>Mistakes are named from what the published reference computed with them, and nothing is named where there is none.</summary>
public sealed class DiagnoserTests(DefectsPack shared) : IClassFixture<DefectsPack>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> Names => [.. GoldenPack.Open(TestData.Golden("defects")).Defects];

    [Theory, Trait("Speed", "Slow"), MemberData(nameof(Names))]
    public void Every_recorded_mistake_is_named_first(string name)
    {
        DiagnosisResult diagnosis = Diagnose(shared.AsDump(shared.Recorded(name)));
        Assert.Equal((name, Verdict.Defect), (diagnosis.Ranking[0].Defect.Name, diagnosis.Verdict));
        Assert.InRange(diagnosis.Ranking[0].Explained, 0.998, 1);
        Assert.Equal(37, diagnosis.Ranking.Count);
        Assert.Empty(diagnosis.NotTestable);
        Assert.Null(diagnosis.Ranking[0].SameAs);
    }

    /// <remarks>The weakest mistake, and those with a neighbour that explains 98 % or more.</remarks>
    [Theory]
    [InlineData("rmsnorm-epsilon-1e-6")]
    [InlineData("rope-without-yarn")]
    [InlineData("yarn-without-concentration")]
    public void The_hardest_are_named_first(string name) => Every_recorded_mistake_is_named_first(name);

    [Theory]
    [InlineData("window-one-too-wide", 16)]        // the first position that no longer sees token 0; the window is 16
    [InlineData("window-one-too-narrow", 15)]
    [InlineData("rope-pairs-interleaved", 1)]
    public void The_first_position_that_is_wrong_is_told(string name, int position)
    {
        DiagnosisResult diagnosis = Diagnoser.Run(shared.Model, shared.AsDump(shared.Recorded(name)), [Defect.Find(name)!], cancellation: Cancellation);
        Assert.Equal((position, null), (diagnosis.FirstPosition, diagnosis.Ranking[0].FirstPosition));
    }

    [Fact]
    public void The_sound_recording_names_none()
    {
        DiagnosisResult diagnosis = Diagnose(shared.AsDump(shared.Recorded("sound")));
        Assert.Equal(Verdict.Sound, diagnosis.Verdict);
        Assert.True(diagnosis.IsWithinBudget);
        Assert.All(diagnosis.Ranking, entry => Assert.True(entry.Explained < 0, $"{entry.Defect.Name} explains {entry.Explained}"));
    }

    [Fact]
    public void Our_own_logits_leave_nothing_to_explain()
    {
        DiagnosisResult diagnosis = Diagnose(shared.AsDump(shared.Logits(Defect.All[0] with { Variant = ModelVariant.Sound })));
        Assert.Equal((Verdict.Sound, 0.0, 0.0), (diagnosis.Verdict, diagnosis.DifferenceRms, diagnosis.OverBudget));
        Assert.All(diagnosis.Ranking, entry => Assert.Equal(0, entry.Explained));
    }

    [Fact]
    public void The_figures_are_those_of_their_definition()
    {
        double[] sound = Wide("sound"), dump = Wide("yarn-without-concentration"), near = Wide("rope-without-yarn");
        RankedDefect entry = Diagnose(shared.AsDump(shared.Recorded("yarn-without-concentration"))).Ranking.Single(e => e.Defect.Name == "rope-without-yarn");

        // The recordings stand in for our models: within 3e-5 of logits, of which this mistake leaves 0.02.
        double remaining = Rms(dump, near), explained = 1 - Math.Pow(remaining / Rms(dump, sound), 2);
        Assert.Equal(remaining, entry.RemainingRms, 3e-5 * Rms(sound, new double[sound.Length]));
        Assert.Equal(explained, entry.Explained, 1e-6);
        Assert.InRange(explained, 0.99, 0.999);            // a neighbour: only the exact one may come before it

        double[] Wide(string name) => [.. shared.Recorded(name).Select(x => (double)x)];
        static double Rms(double[] a, double[] b) => Math.Sqrt(a.Zip(b, (x, y) => (x - y) * (x - y)).Average());
    }

    [Theory]
    [InlineData("sink-ignored", "yarn-bounds-rounded")]
    [InlineData("mxfp4-nibbles-swapped", "window-one-too-wide")]
    public void Two_mistakes_are_found_as_a_pair(string one, string other)
    {
        DiagnosisResult diagnosis = Diagnose(shared.AsDump(shared.Logits(Defect.Find(one)!.And(Defect.Find(other)!))));
        Assert.Contains(diagnosis.Ranking[0].Defect.Name, (string[])[$"{one}+{other}", $"{other}+{one}"]);
        Assert.Equal(Verdict.Defect, diagnosis.Verdict);
        RankedDefect single = diagnosis.Ranking.First(entry => !entry.Defect.Name.Contains('+', StringComparison.Ordinal));
        Assert.All(diagnosis.Ranking.Where(entry => entry.Defect.Name.Contains('+', StringComparison.Ordinal)),
            pair => Assert.True(pair.RemainingRms <= single.RemainingRms / 2));
    }

    [Fact]
    public void Noise_is_explained_by_nothing()
    {
        float[] logits = shared.Recorded("sound");
        var random = new Random(5);
        for (int i = 0; i < logits.Length; i++)
            logits[i] += random.NextSingle() - 0.5f;
        DiagnosisResult diagnosis = Diagnose(shared.AsDump(logits));
        Assert.Equal(Verdict.Unexplained, diagnosis.Verdict);
        Assert.InRange(diagnosis.Ranking[0].Explained, double.NegativeInfinity, 0.1);
    }

    /// <remarks>D = S + t·(M − S), so that the mistake M explains 1 − ((1 − t) / t)² of the dump D.</remarks>
    [Theory]
    [InlineData(0.8f, 0.9375, Verdict.Defect)]
    [InlineData(0.6f, 0.5556, Verdict.Unexplained)]
    [InlineData(0.4f, -1.25, Verdict.Unexplained)]
    public void A_mistake_that_leaves_more_than_the_budget_has_to_explain_nine_tenths(float share, double explained, Verdict verdict)
    {
        float[] sound = shared.Recorded("sound"), mistaken = shared.Recorded("sink-zero");
        DumpedLogits dump = shared.AsDump([.. sound.Zip(mistaken, (s, m) => s + share * (m - s))]);
        DiagnosisResult diagnosis = Diagnoser.Run(shared.Model, dump, [Defect.Find("sink-zero")!], cancellation: Cancellation);
        Assert.Equal(explained, diagnosis.Ranking[0].Explained, 1e-3);
        Assert.Equal((verdict, false), (diagnosis.Verdict, diagnosis.Ranking[0].IsWithinBudget));
    }

    [Fact]
    public void A_mistake_that_leaves_no_more_than_the_budget_has_to_explain_half()
    {
        Defect defect = Defect.Find("rmsnorm-epsilon-1e-6")!;
        float[] sound = shared.Logits(defect with { Variant = ModelVariant.Sound }), mistaken = shared.Logits(defect);
        Func<int, double> budget = Budgets.Published.Float32.Rows(new(Stage.Logits, -1), shared.Pack.Positions, shared.Model);
        int width = shared.Model.Config.VocabSize;
        double rms = Math.Sqrt(mistaken.Average(x => (double)x * x));
        DumpedLogits dump = shared.AsDump([.. mistaken.Select((m, i) => m + (float)(0.9 * rms * budget(i / width)) * MathF.Sign(sound[i] - m))]);
        DiagnosisResult diagnosis = Diagnoser.Run(shared.Model, dump, [defect], cancellation: Cancellation);
        Assert.InRange(diagnosis.Ranking[0].Explained, 0.5, 0.9);
        Assert.Equal((Verdict.Defect, true), (diagnosis.Verdict, diagnosis.Ranking[0].IsWithinBudget));
    }

    [Fact]
    public void A_bfloat16_recording_of_trained_weights_is_sound()
    {
        using var model = Transformer.Load(TestData.Tiny, new() { Precision = Precision.Bfloat16, Threads = 1 });
        using Dump dump = Dump.Open(TestData.Golden("tiny-trace"), Precision.Bfloat16);
        DumpedLogits rows = DumpedLogits.Of(dump, model.Config.VocabSize, dump.Ids!.ToArray());
        Assert.True(rows.HoldsBfloat16);
        Assert.Equal(Verdict.Sound, Diagnoser.Run(model, rows, cancellation: Cancellation).Verdict);
    }

    [Fact]
    public void A_prompt_that_fits_into_the_window_cannot_show_its_mistakes()
    {
        int[] ids = [.. shared.Pack.Ids.Take(15)];
        float[] last = [];
        PromptPass.Run(shared.Model, ids, [14], (_, logits) => last = logits.ToArray(), Cancellation);
        DumpedChoices dump = DumpedChoices.At(ids, [14], [StageComparison.ArgMax(last)]);
        DiagnosisResult diagnosis = Diagnoser.Run(shared.Model, dump, cancellation: Cancellation);
        Assert.Equal(Verdict.Sound, diagnosis.Verdict);
        string[] windows = ["window-ignored", "window-one-too-wide", "window-one-too-narrow", "window-on-odd-layers", "window-on-every-layer"];
        Assert.Equal(windows, diagnosis.NotTestable.Select(defect => defect.Name));
        Assert.Equal(37 - windows.Length, diagnosis.Ranking.Count);

        RevealingPrompt prompt = RevealingPrompt.Find(shared.Model, ids, diagnosis.NotTestable, cancellation: Cancellation)!;
        Assert.Equal(windows, prompt.Reveals.Select(defect => defect.Name));
        Assert.Empty(prompt.Hidden);
        Assert.Equal(ids, prompt.Ids.Take(15));
        foreach (Defect defect in prompt.Reveals)
        {
            using Transformer mistaken = shared.Model.With(defect.Variant);
            Assert.NotEqual(Last(shared.Model, prompt.Ids), Last(mistaken, prompt.Ids));
        }
    }

    [Fact]
    public void A_mistake_that_the_model_cannot_make_has_no_prompt()
    {
        using var folder = new TemporaryFolder();
        GoldenPack pack = GoldenPack.Open(TestData.Golden("shape-no-yarn"));
        SyntheticCheckpoint.Write(folder.Path, pack.ConfigJson!, pack.Seed!.Value, cancellation: Cancellation);
        using var model = Transformer.Load(folder.Path, new() { Threads = 1 });
        Assert.Null(RevealingPrompt.Find(model, new[] { 1, 2, 3 }, [Defect.Find("yarn-bounds-rounded")!, Defect.Find("rope-without-yarn")!], cancellation: Cancellation));
    }

    [Theory]
    [InlineData("sink-ignored")]
    [InlineData("yarn-bounds-rounded")]
    [InlineData("rmsnorm-gain-plus-one")]
    public void Five_log_probabilities_of_the_last_position_name_a_mistake(string name)
    {
        float[] row = shared.Recorded(name)[^shared.Model.Config.VocabSize..];
        double largest = row.Max(), sum = row.Sum(x => Math.Exp(x - largest));
        string json = string.Join(',', row.Select((x, id) => (Id: id, LogProbability: x - largest - Math.Log(sum))).OrderByDescending(pair => pair.LogProbability).Take(5)
            .Select(pair => FormattableString.Invariant($"\"{pair.Id}\":{pair.LogProbability:R}")));
        using var folder = new TemporaryFolder();
        ListedLogProbabilities list = ListedLogProbabilities.Read(folder.Write("a.json", $"[{{{json}}}]"));
        DiagnosisResult diagnosis = Diagnose(DumpedLogProbabilities.Of(list, shared.Model.Config.VocabSize, shared.Pack.Ids.ToArray(), [63]));
        Assert.Equal((name, Verdict.Defect), (diagnosis.Ranking[0].Defect.Name, diagnosis.Verdict));
    }

    [Theory]
    [InlineData("sink-zero")]
    [InlineData("window-one-too-narrow")]
    public void Greedy_ids_name_a_mistake(string name)
    {
        Defect defect = Defect.Find(name)!;
        using Transformer mistaken = shared.Model.With(defect.Variant);
        List<int> ids = [.. shared.Pack.Ids.Take(40)], chosen = [];
        while (chosen.Count < 24)
        {
            chosen.Add(StageComparison.ArgMax(Last(mistaken, ids)));
            ids.Add(chosen[^1]);
        }
        DiagnosisResult diagnosis = Diagnose(DumpedChoices.Continuing([.. ids.Take(40)], chosen));
        Assert.Equal((name, Verdict.Defect, 1.0, 0.0),
            (diagnosis.Ranking[0].Defect.Name, diagnosis.Verdict, diagnosis.Ranking[0].Explained, diagnosis.Ranking[0].RemainingRms));

        int first = Enumerable.Range(0, chosen.Count).First(i => StageComparison.ArgMax(Last(shared.Model, [.. ids.Take(40 + i)])) != chosen[i]);
        Assert.Equal((39 + first, null), (diagnosis.FirstPosition, diagnosis.Ranking[0].FirstPosition));
    }

    [Fact]
    public void Mistakes_that_a_dump_does_not_tell_apart_say_so()
    {
        DiagnosisResult diagnosis = Diagnose(DumpedChoices.At(shared.Pack.Ids.ToArray(), [0], [StageComparison.ArgMax(Last(shared.Model, [shared.Pack.Ids[0]]))]));
        RankedDefect[] perfect = [.. diagnosis.Ranking.Where(entry => entry.RemainingRms == 0)];
        Assert.True(perfect.Length > 1);
        Assert.Equal([null, .. Enumerable.Repeat(perfect[0].Defect.Name, perfect.Length - 1)], perfect.Select(entry => entry.SameAs));
    }

    [Theory]
    [InlineData("sink-ignored", 1)]
    [InlineData("router-bias-dropped", 2)]
    [InlineData("attention-scale-missing", 3)]
    [InlineData("swiglu-without-plus-one", 0)]
    [InlineData("window-ignored", 2)]
    public void A_mistake_of_one_layer_is_found_from_logits_alone(string name, int layer)
    {
        Defect local = Defect.Find(name)!.In(new(layer))!;
        DiagnosisResult diagnosis = Diagnose(shared.AsDump(shared.Logits(local)));
        Assert.Equal(($"{name} in layer {layer}", Verdict.Defect, 0.0), (diagnosis.Ranking[0].Defect.Name, diagnosis.Verdict, diagnosis.Ranking[0].RemainingRms));
        Assert.EndsWith($" Only in layer {layer}.", diagnosis.Ranking[0].Defect.Mistake, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mxfp4-nibbles-swapped", 1, 0, "first")]
    [InlineData("mxfp4-nibbles-in-ggml-order", 2, 1, "second")]
    [InlineData("mxfp4-scale-off-by-one", 3, 1, "second")]
    public void A_mistake_of_one_matrix_is_found_from_logits_alone(string name, int layer, int product, string words)
    {
        Defect local = Defect.Find(name)!.In(new(layer) { Product = product })!;
        DiagnosisResult diagnosis = Diagnose(shared.AsDump(shared.Logits(local)));
        Assert.Equal(($"{name} in layer {layer}, {words} product", Verdict.Defect, 0.0),
            (diagnosis.Ranking[0].Defect.Name, diagnosis.Verdict, diagnosis.Ranking[0].RemainingRms));
    }

    [Theory]
    [InlineData("sink-ignored", 2, 5)]
    [InlineData("sink-zero", 1, 0)]
    public void A_sink_that_one_head_lacks_is_found_from_the_stages(string name, int layer, int head)
    {
        using Transformer mistaken = shared.Model.With(Defect.Find(name)!.In(new(layer) { Heads = (head, head + 1) })!.Variant);
        int[] ids = [.. shared.Pack.Ids];
        using Dump dump = Dump.Of(Tracer.Record(mistaken, ids, cancellation: Cancellation), ids, mistaken.Config);
        DumpedLogits rows = DumpedLogits.OfStages(dump, mistaken.Config.VocabSize, ids);
        DiagnosisResult diagnosis = Diagnoser.Run(shared.Model, rows, firstWrong: () => WrongStage.Find(shared.Model, dump, ids, rows.Positions, Cancellation), cancellation: Cancellation);
        Assert.Equal(($"{name} in layer {layer}, head {head}", Verdict.Defect), (diagnosis.Ranking[0].Defect.Name, diagnosis.Verdict));
        Assert.Equal($"block.{layer}.attn.heads", diagnosis.FirstWrongStage!.Stage);
    }

    [Fact]
    public void A_sink_that_one_head_lacks_is_found_by_halving_its_layer()
    {
        DiagnosisResult diagnosis = Diagnoser.Run(shared.Model, shared.AsDump(shared.Logits(Defect.Find("sink-ignored")!.In(new(1) { Heads = (6, 7) })!)),
            [Defect.Find("sink-ignored")!, Defect.Find("router-sigmoid")!], cancellation: Cancellation);
        Assert.Equal(("sink-ignored in layer 1, head 6", Verdict.Defect), (diagnosis.Ranking[0].Defect.Name, diagnosis.Verdict));
    }

    [Theory]
    [InlineData("log-softmax", "its logits are log-probabilities (ln softmax)")]
    [InlineData("softmax", "its logits are probabilities (softmax)")]
    [InlineData("halved", "its logits are multiplied by 0.5")]
    [InlineData("largest taken off", "its logits are off by a constant in each row, which changes no probability")]
    public void A_form_of_the_sound_logits_is_sound_and_said(string form, string reading)
    {
        DiagnosisResult diagnosis = Diagnose(shared.AsDump(InForm(form, shared.Recorded("sound"))));
        Assert.Equal([reading], diagnosis.Readings);
        Assert.Equal(Verdict.Sound, diagnosis.Verdict);
    }

    [Theory]
    [InlineData("log-softmax", "sink-zero")]
    [InlineData("softmax", "mxfp4-nibbles-swapped")]
    [InlineData("log-softmax", "rope-without-yarn")]
    public void A_mistake_is_named_from_log_probabilities_and_probabilities(string form, string name)
    {
        DiagnosisResult diagnosis = Diagnose(shared.AsDump(InForm(form, shared.Recorded(name))));
        Assert.Equal((name, Verdict.Defect), (diagnosis.Ranking[0].Defect.Name, diagnosis.Verdict));
        Assert.InRange(diagnosis.Ranking[0].Explained, 0.998, 1);
        Assert.StartsWith("its logits are ", Assert.Single(diagnosis.Readings), StringComparison.Ordinal);
    }

    [Fact]
    public void Padded_columns_of_a_mistake_are_read_and_said()
    {
        int rows = shared.Pack.Positions.Count, width = shared.Model.Config.VocabSize, padded = width + 64;
        float[] recorded = shared.Recorded("sink-ignored"), columns = new float[rows * padded];
        for (int i = 0; i < recorded.Length; i++)
            columns[i % width * rows + i / width] = recorded[i];
        DiagnosisResult diagnosis = Diagnoser.Run(shared.Model, shared.AsDump(DumpFiles.Npy(columns, padded, rows)), [Defect.Find("sink-ignored")!], cancellation: Cancellation);
        Assert.Equal(Verdict.Defect, diagnosis.Verdict);
        Assert.Contains("its columns are read as rows, and of 576 logits in each row the last 64 are padding of the vocabulary",
            Assert.Single(diagnosis.Readings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, "its logits are one row too early: the row of position p belongs to p + 1")]
    [InlineData(-1, "its logits are one row too late: the row of position p belongs to p − 1")]
    public void Rows_of_the_next_position_or_of_the_one_before_are_sound_and_said(int shift, string reading)
    {
        int[] positions = [.. shared.Pack.Positions.Select(p => p + shift).Where(p => p >= 0 && p < shared.Pack.Ids.Count)];
        List<float> rows = [.. new float[shared.Pack.Positions[0] + shift < 0 ? shared.Model.Config.VocabSize : 0]];
        PromptPass.Run(shared.Model, shared.Pack.Ids.ToArray(), positions, (_, logits) => rows.AddRange(logits), Cancellation);
        while (rows.Count < shared.Pack.Positions.Count * shared.Model.Config.VocabSize)
            rows.Add(0);
        DiagnosisResult diagnosis = Diagnoser.Run(shared.Model, shared.AsDump([.. rows]), [Defect.Find("sink-zero")!], cancellation: Cancellation);
        Assert.Equal([reading], diagnosis.Readings);
        Assert.Equal((Verdict.Sound, 0.0), (diagnosis.Verdict, diagnosis.DifferenceRms));
    }

    [Fact]
    public void A_dump_whose_kind_is_said_is_read_as_it_stands()
    {
        float[] halved = InForm("halved", shared.Recorded("sound"));
        DiagnosisResult diagnosis = Diagnoser.Run(shared.Model, shared.AsDump(halved, LogitsKind.Logits), [Defect.Find("sink-zero")!], cancellation: Cancellation);
        Assert.Empty(diagnosis.Readings);
        Assert.Equal(Verdict.Unexplained, diagnosis.Verdict);
    }

    /// <remarks>Otherwise a reading would hide a mistake.</remarks>
    [Fact]
    public void No_recorded_mistake_is_taken_for_another_form_of_the_sound_logits() =>
        Assert.All(shared.Pack.Defects, name =>
        {
            DumpedLogits dump = shared.AsDump(shared.Recorded(name));
            Assert.Same(dump, dump.Reread(shared.Model, Cancellation));
        });

    private float[] InForm(string form, float[] logits) =>
    [
        .. logits.Chunk(shared.Model.Config.VocabSize).SelectMany(row =>
        {
            double sum = Math.Log(row.Sum(x => Math.Exp(x)));
            return row.Select(x => form switch
            {
                "log-softmax" => (float)(x - sum),
                "softmax" => (float)Math.Exp(x - sum),
                "halved" => x / 2,
                _ => x - row.Max(),
            });
        }),
    ];

    private static float[] Last(Transformer model, IReadOnlyList<int> ids)
    {
        float[] last = [];
        PromptPass.Run(model, ids.ToArray(), [ids.Count - 1], (_, logits) => last = logits.ToArray(), Cancellation);
        return last;
    }

    private DiagnosisResult Diagnose(DumpedRows dump) => Diagnoser.Run(shared.Model, dump, cancellation: Cancellation);
}
