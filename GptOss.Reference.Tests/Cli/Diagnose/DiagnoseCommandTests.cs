using System.Text.Json;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.Oracle.Dumps;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli.Diagnose;

/// <summary><c>gptoss diagnose</c> as its users meet it: its verdicts, its object, and one sentence for whatever cannot be.</summary>
public sealed class DiagnoseCommandTests(DiagnoseCommandTests.Files files) : IClassFixture<DiagnoseCommandTests.Files>
{
    private const string Positions = "0,1,15,16,17,31,63";

    [Fact]
    public void A_mistake_is_named_to_people()
    {
        Answer answer = files.Diagnose("--logits", files.Logits("yarn-bounds-rounded"), "--positions", Positions);
        Assert.Equal(1, answer.Code);
        Assert.Contains("yarn-bounds-rounded explains 100.00 % of the difference; what remains is within the float32 budget.\n", answer.Out);
        Assert.Contains("https://github.com/vllm-project/vllm/issues/27722", answer.Out);
        Assert.StartsWith("Profile float32, because the dump holds values that are not bfloat16 values; --profile bfloat16 asks for the other.\n", answer.Error);
    }

    [Fact]
    public void A_mistake_is_named_to_programs()
    {
        Answer answer = files.Diagnose("--logits", files.Logits("router-sigmoid"), "--positions", Positions, "--json", "--defects", "router-sigmoid,sink-zero");
        Assert.Equal((1, "defect", "float32"), (answer.Code, answer.Json.GetProperty("verdict").GetString(), answer.Json.GetProperty("profile").GetString()));
        JsonElement ranking = answer.Json.GetProperty("ranking");
        Assert.Equal(["router-sigmoid", "sink-zero"], ranking.EnumerateArray().Select(entry => entry.GetProperty("defect").GetString()));
        Assert.InRange(ranking[0].GetProperty("explained").GetDouble(), 0.999, 1);
        Assert.InRange(ranking[0].GetProperty("remaining_rms").GetDouble(), 1e-9, 1e-4);
        Assert.Equal(0, answer.Json.GetProperty("not_testable").GetArrayLength());
    }

    [Fact]
    public void Log_probabilities_and_unread_members_are_said_before_the_ranking()
    {
        double[] row = [.. files.Recorded("sink-zero")[^512..].Select(x => (double)x)];
        double sum = Math.Log(row.Sum(Math.Exp));
        string last = files.Folder.Write("logprobs.json", $$"""{"model": "theirs", "logits": {{JsonSerializer.Serialize(row.Select(x => x - sum))}}}""");
        Answer answer = files.Diagnose("--logits", last, "--positions", "last", "--defects", "sink-zero");
        Assert.StartsWith("Reading: its logits are log-probabilities (ln softmax).\n\nmodel", answer.Out, StringComparison.Ordinal);
        Assert.Contains("sink-zero explains 100.00 % of the difference", answer.Out, StringComparison.Ordinal);
        Assert.StartsWith("Not read: \"model\" is not an array; expected nested arrays of numbers.\n", answer.Error, StringComparison.Ordinal);
        Assert.Equal("unexplained", files.Diagnose("--logits", last, "--positions", "last", "--defects", "sink-zero", "--as", "logits", "--json")
            .Json.GetProperty("verdict").GetString());
    }

    [Fact]
    public void A_sound_dump_of_the_last_position_is_answered_with_0()
    {
        float[] all = files.Recorded("sound");
        string last = files.Folder.Write("last.npy", DumpFiles.Npy(all[^512..], 512));
        Answer answer = files.Diagnose("--logits", last, "--positions", "last", "--json");
        Assert.Equal((0, "sound"), (answer.Code, answer.Json.GetProperty("verdict").GetString()));
    }

    [Fact]
    public void A_short_prompt_is_answered_with_what_it_cannot_show_and_one_that_does()
    {
        string ids = files.Folder.Write("short.json", "[121, 301, 470]"), chosen = files.Folder.Write("chosen.json", "[1]");
        Answer answer = Run("diagnose", "--model", files.Model, "--chosen", chosen, "--ids", ids, "--defects", "window-ignored,sink-zero", "--suggest-prompt", "--json");
        Assert.Equal("window-ignored", Assert.Single(answer.Json.GetProperty("not_testable").EnumerateArray()).GetString());
        JsonElement prompt = answer.Json.GetProperty("suggested_prompt");
        Assert.Equal("window-ignored", Assert.Single(prompt.GetProperty("reveals").EnumerateArray()).GetString());
        Assert.InRange(prompt.GetProperty("ids").GetArrayLength(), 18, 40);
        Assert.StartsWith("Profile float32; ids do not tell", answer.Error);
    }

    [Fact]
    public void A_recorded_bfloat16_dump_brings_its_profile_and_its_prompt()
    {
        string dump = Path.Combine(TestData.Golden("tiny-trace"), "stages.bf16.safetensors");
        Answer answer = Run("diagnose", "--model", TestData.Tiny, "--logits", dump, "--defects", "sink-ignored,rmsnorm-epsilon-1e-6", "--positions", "last");
        Assert.Equal(0, answer.Code);
        Assert.StartsWith("Profile bfloat16, because every value of the dump is a bfloat16 value; --profile float32 asks for the other.\n", answer.Error);
        Assert.Contains("The dump is ", answer.Out);
    }

    [Fact]
    public void A_trace_that_no_mistake_explains_is_answered_with_its_first_wrong_stage()
    {
        string other = files.Folder.File("other"), trace = files.Folder.File("trace");
        SyntheticCheckpoint.Write(other, files.ConfigJson.Replace("150000.0", "140000.0", StringComparison.Ordinal), 7, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(0, Run("trace", "--model", other, "--ids", files.Folder.File("ids.json"), "--out", trace).Code);
        string[] args = ["diagnose", "--model", files.Model, "--trace", trace, "--defects", "sink-zero,qkv-bias-dropped"];
        Answer answer = Run(args);
        Assert.Equal(1, answer.Code);
        Assert.Contains("\nThe first wrong stage is block.0.attn.q, at position 1.\n", answer.Out);
        JsonElement json = Run([.. args, "--json"]).Json;
        Assert.Equal(("unexplained", "block.0.attn.q", 1), (json.GetProperty("verdict").GetString(),
            json.GetProperty("first_wrong_stage").GetProperty("stage").GetString(), json.GetProperty("first_wrong_stage").GetProperty("position").GetInt32()));
    }

    public static TheoryData<int, string, string[]> Refused => new()
    {
        { 2, "Give one of --logits, --trace, --logprobs and --chosen.", [] },
        { 2, "Give one of --logits, --trace, --logprobs and --chosen.", ["--logits", "a", "--chosen", "b"] },
        { 2, "Give the prompt with --ids: the dump does not hold it.", ["--logits", "one.npy"] },
        { 2, "--as says what the logits of --logits or --trace are.", ["--chosen", "ids.json", "--as", "logits"] },
        { 2, "--positions holds 64; positions go from 0 to 63.", ["--logits", "one.npy", "--ids", "ids.json", "--positions", "64"] },
        { 3, "one.npy: there is 1 row for the 64 tokens of the prompt; expected one for each, or for each of the positions that are named.", ["--logits", "one.npy", "--ids", "ids.json"] },
        { 3, "narrow.npy: tensor 'narrow' is [511]; expected rows of [512].", ["--logits", "narrow.npy", "--ids", "ids.json", "--positions", "last"] },
        { 3, "nan.npy: the logit of id 7 at position 63 is NaN; expected numbers (activations of gpt-oss overflow float16).", ["--logits", "nan.npy", "--ids", "ids.json", "--positions", "last"] },
        { 3, "empty.json: the array is empty; expected the token ids of a prompt.", ["--logits", "one.npy", "--ids", "empty.json"] },
        { 3, "far.json: token 512 at position 63 is unknown; the model has ids 0 to 511.", ["--logprobs", "far.json", "--ids", "ids.json", "--positions", "last"] },
        { 3, "far-ids.json: token id 512 is unknown; the model has ids 0 to 511.", ["--chosen", "far-ids.json", "--ids", "ids.json"] },
        { 3, "ids.json holds 64 ids for 1 positions; expected one for each.", ["--chosen", "ids.json", "--ids", "ids.json", "--positions", "last"] },
    };

    [Theory, MemberData(nameof(Refused))]
    public void What_cannot_be_is_one_sentence(int code, string sentence, string[] args)
    {
        string[] placed = [.. args.Select(arg => File.Exists(files.Folder.File(arg)) ? files.Folder.File(arg) : arg)];
        Answer answer = Run(["diagnose", "--model", files.Model, .. placed]);
        Assert.Equal((code, "", sentence), (answer.Code, answer.Out, answer.Sentence));
    }

    [Fact]
    public void An_unknown_mistake_is_answered_with_the_known_ones()
    {
        Answer answer = files.Diagnose("--logits", "a", "--defects", "sink-ignord");
        Assert.Equal(2, answer.Code);
        Assert.StartsWith("--defects holds 'sink-ignord'; known are sink-ignored, sink-zero, ", answer.Sentence);
    }

    /// <summary>The checkpoint of the defects pack, its prompt, and dumps that are wrong in one way each.</summary>
    public sealed class Files : IDisposable
    {
        private readonly GoldenPack _pack = GoldenPack.Open(TestData.Golden("defects"));
        private readonly GptOssConfig _config;

        public Files()
        {
            _config = ConfigReader.Parse(_pack.ConfigJson!, "manifest.json");
            Model = Folder.File("model");
            SyntheticCheckpoint.Write(Model, _pack.ConfigJson!, _pack.Seed!.Value);
            float[] row = Recorded("sound")[^512..], nan = [.. row];
            nan[7] = float.NaN;
            Folder.Write("ids.json", JsonSerializer.Serialize(_pack.Ids));
            Folder.Write("empty.json", "[]");
            Folder.Write("far-ids.json", "[1, 512]");
            Folder.Write("far.json", """[{"512": -1}]""");
            Folder.Write("one.npy", DumpFiles.Npy(row, 1, 512));
            Folder.Write("narrow.npy", DumpFiles.Npy(row[..511], 511));
            Folder.Write("nan.npy", DumpFiles.Npy(nan, 1, 512));
        }

        internal TemporaryFolder Folder { get; } = new();

        internal string Model { get; }

        internal string ConfigJson => _pack.ConfigJson!;

        public void Dispose() => Folder.Dispose();

        internal float[] Recorded(string name) => _pack.ReadDefect(name, _config);

        internal string Logits(string name)
        {
            string path = Folder.File(name + ".safetensors");
            DumpFiles.SafeTensors(path, ("logits", DType.F32, [7, 512], DumpFiles.Bytes<float>(Recorded(name))));
            return path;
        }

        internal Answer Diagnose(params string[] args) => Run(["diagnose", "--model", Model, "--ids", Folder.File("ids.json"), .. args]);
    }
}
