using System.Text.Json;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Cuda;
using GptOss.Reference.Tests.Cuda;
using Xunit;

namespace GptOss.Reference.Tests.Cli;

/// <summary><c>--device</c>: what a user reads who has no GPU, an old one, or one that breaks. The driver is a stub.</summary>
public class DeviceCommandTests
{
    private const string NoGpu = "There is no device cuda:0: the driver sees 0 GPUs.";

    private static readonly string[] Generate = ["generate", "--model", TestData.Tiny, "--date", "2026-11-24", "--max-tokens", "4", "Hello"];

    public static TheoryData<string> Commands =>
    [
        "generate Hello", "chat", "serve --port 0", "score FILE", "trace --ids 1,2 --out FILE", "verify", "bench", "explain Hello",
        "inspect",
    ];

    [Theory, MemberData(nameof(Commands))]
    public void Every_command_that_runs_a_model_takes_a_device_and_refuses_another_word(string command)
    {
        Answer answer = CommandLine.Run([.. command.Split(' '), "--device", "tpu"]);
        Assert.Equal((2, "--device is 'tpu'; expected cpu, cuda, cuda:N or auto."), (answer.Code, answer.Sentence));
    }

    [Theory]
    [InlineData("generate --model TINY Hello")]
    [InlineData("chat --model TINY")]
    [InlineData("serve --model TINY --port 0")]
    [InlineData("explain --model TINY Hello")]
    [InlineData("verify")]
    [InlineData("inspect --shape 20b")]
    [InlineData("bench --model TINY")]
    public void Without_a_gpu_it_is_one_sentence_and_nothing_falls_back(string command)
    {
        using StubDriver stub = new("COUNT=0");
        Answer answer = Run(stub, [.. command.Replace("TINY", TestData.Tiny, StringComparison.Ordinal).Split(' '), "--device", "cuda"]);
        Assert.Equal((2, "", NoGpu), (answer.Code, answer.Out, answer.Sentence));
    }

    [Fact]
    public void Auto_says_why_the_processor_runs_and_the_answer_is_the_same()
    {
        using StubDriver stub = new("CAPABILITY=60");
        Answer plain = CommandLine.Run(Generate), auto = Run(stub, [.. Generate, "--device", "auto"]);
        Assert.Equal((0, plain.Out), (auto.Code, auto.Out));
        Assert.Contains("cuda:0 has compute capability 6.0; 7.5 (Turing, 2018) or later is needed. Running on the processor.", auto.Error,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("FREE=70000000", "", "cuda:0 (Stub 1) has 0.1 GB of memory free; attention and unembedding take 0.0 GB, working memory 0.0 GB, ")]
    [InlineData("FREE=4000000000", "--pack", "Packed weights are for the processor; a GPU reads them as published.")]
    [InlineData("FREE=4000000000", "--profile bfloat16", "The bfloat16 profile runs on the processor only.")]
    [InlineData("FREE=4000000000 ERROR=2 FAILS=\"cuMemAlloc_v2\" AFTER=3", "", "The NVIDIA driver could not allocate ")]
    [InlineData("FREE=4000000000 ERROR=700 FAILS=\"cuMemcpyHtoDAsync_v2\" AFTER=3",
        "", "The NVIDIA driver could not copy to the GPU: a kernel touched memory that is not its own (CUDA error 700).")]
    public void Auto_takes_the_processor_where_the_card_does_not_take_the_model(string driver, string options, string why)
    {
        using StubDriver stub = new(driver.Split(' '));
        string[] args = [.. Generate, .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        Answer plain = CommandLine.Run(args), auto = Run(stub, [.. args, "--device", "auto"]);
        Assert.Equal((0, plain.Out), (auto.Code, auto.Out));
        string[] said = [.. auto.Error.Split('\n').Where(line => line.EndsWith(" Running on the processor.", StringComparison.Ordinal))];
        Assert.StartsWith(why, Assert.Single(said), StringComparison.Ordinal);
        Assert.DoesNotContain("computes", auto.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("inspect --shape 20b")]
    [InlineData("bench --model TINY --prompt 16 --tokens 2 --repeat 1")]
    public void Auto_leaves_the_card_out_of_the_figures_then(string command)
    {
        using StubDriver stub = new("FREE=70000000");
        Answer answer = Run(stub, [.. command.Replace("TINY", TestData.Tiny, StringComparison.Ordinal).Split(' '), "--device", "auto"]);
        Assert.Equal(0, answer.Code);
        Assert.Contains(" Running on the processor.", answer.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("cuda:0", answer.Out, StringComparison.Ordinal);
    }

    [Theory, InlineData(4, true), InlineData(3000, false)]
    public void Generate_keeps_room_for_the_context_that_is_asked_for(int tokens, bool fits)
    {
        long free = FreeFor(100);
        using StubDriver stub = new($"FREE={free}");
        Answer answer = Run(stub, ["generate", "--model", TestData.Tiny, "--max-tokens", $"{tokens}", "--device", "cuda", "Hello"]);
        Assert.Contains(fits ? "cuda:0 (Stub 1) computes" : "keys and values", answer.Error, StringComparison.Ordinal);
    }

    // What a card must have for the toy with so many tokens of keys and values, and no experts.
    private static long FreeFor(int tokens)
    {
        var placement = Placement.Of(ConfigReader.Read(Path.Combine(TestData.Tiny, "config.json")), 1L << 40, cacheBytes: null, tokens);
        return Placement.Margin + placement.Dense + placement.Work + placement.Cache;
    }

    [Fact]
    public void Without_a_device_no_driver_is_loaded()
    {
        using StubDriver stub = new("COUNT=0", "LOUD");
        Assert.DoesNotContain("the stub is loaded", Run(stub, Generate).Error, StringComparison.Ordinal);
        Assert.DoesNotContain("the stub is loaded", Run(stub, [.. Generate, "--device", "cpu"]).Error, StringComparison.Ordinal);
        Assert.Contains("the stub is loaded", Run(stub, [.. Generate, "--device", "cuda"]).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_card_that_breaks_while_it_answers_ends_the_command_with_a_sentence()
    {
        using StubDriver stub = new("FAILS=\"cuStreamSynchronize\"", "AFTER=1", "ERROR=700", "FREE=4000000000");
        Answer answer = Run(stub, [.. Generate, "--device", "cuda:0"]);
        Assert.Equal((2, "The NVIDIA driver could not finish its work: a kernel touched memory that is not its own (CUDA error 700)."),
            (answer.Code, answer.Sentence));
        Assert.Contains("cuda:0 (Stub 1) computes all of it", answer.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--pack")]
    [InlineData("--profile bfloat16")]
    public void What_a_gpu_does_not_do_is_refused(string option)
    {
        using StubDriver stub = new("FREE=4000000000");
        Answer answer = Run(stub, [.. Generate, "--device", "cuda", .. option.Split(' ')]);
        Assert.Equal((2, ""), (answer.Code, answer.Out));
    }

    [Fact]
    public void Inspect_says_what_fits_and_what_was_measured()
    {
        using StubDriver stub = new("FREE=8000000000");
        Answer answer = Run(stub, ["inspect", "--shape", "20b", "--device", "cuda"]);
        Assert.Equal(0, answer.Code);
        Assert.Contains("On cuda:0 (Stub 1)\n", answer.Out, StringComparison.Ordinal);
        Assert.Contains("  experts of 11 of 24 layers", answer.Out, StringComparison.Ordinal);
        Assert.Contains("the processor those of the others.", answer.Out, StringComparison.Ordinal);
        Assert.Matches("At most [0-9,]+ tokens/s after a short prompt: a token reads .* GB/s that the processor reads", answer.Out);
        Answer json = Run(stub, ["inspect", "--shape", "20b", "--device", "cuda", "--json", "--context", "32768"]);
        Assert.True(json.Json.GetProperty("device").GetProperty("expert_layers").GetInt32() < 11);

        using StubDriver small = new("FREE=3000000000");
        Answer none = Run(small, ["inspect", "--shape", "20b", "--device", "cuda"]);
        Assert.Equal((2, "cuda:0 (Stub 1) has 3.0 GB of memory free; attention and unembedding take 2.5 GB, working memory 0.4 GB, keys and values "
            + "0.2 GB."), (none.Code, none.Sentence));
    }

    [Fact]
    public void Bench_compares_with_copies_on_the_card()
    {
        using StubDriver stub = new("FREE=4000000000");
        Answer answer = Run(stub, ["bench", "--model", TestData.Tiny, "--device", "cuda", "--prompt", "16", "--tokens", "2", "--repeat", "1"]);
        Assert.Equal(0, answer.Code);
        Assert.StartsWith("copies on cuda:0 (Stub 1) reach ", answer.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("of read", answer.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Bench_times_every_kernel()
    {
        using StubDriver stub = new("FREE=4000000000");
        string[] args = ["bench", "--model", TestData.Tiny, "--device", "cuda", "--prompt", "16", "--kernels"];
        Answer text = Run(stub, args), json = Run(stub, [.. args, "--json"]);
        Assert.Equal((0, 0), (text.Code, json.Code));
        foreach (string title in new[] { "1 token", "8 tokens", "16 tokens" })
            Assert.Contains($"{title} after 16 tokens on cuda:0 (Stub 1), every launch repeated by itself", text.Out, StringComparison.Ordinal);
        JsonElement[] kernels = [.. json.Json.GetProperty("kernels").EnumerateArray()];
        int layers = ConfigReader.Read(Path.Combine(TestData.Tiny, "config.json")).NumHiddenLayers;
        // Of a layer 7 in attention and 6 in the experts, 7 where slots are grouped; 2 of the head.
        foreach ((int tokens, int each) in new[] { (1, 13), (8, 14), (16, 14) })
        {
            JsonElement[] own = [.. kernels.Where(kernel => kernel.GetProperty("tokens").GetInt32() == tokens)];
            Assert.Equal(each * layers + 2, own.Sum(kernel => kernel.GetProperty("launches").GetInt32()));
            Assert.All(own, kernel => Assert.True(kernel.GetProperty("seconds").GetDouble() > 0));
        }
        Answer none = CommandLine.Run("bench", "--model", TestData.Tiny, "--kernels");
        Assert.Equal((2, "--kernels times the kernels of a GPU; --device cuda names one."), (none.Code, none.Sentence));
    }

    private static Answer Run(StubDriver stub, string[] args) =>
        CommandLine.RunProcess(new Dictionary<string, string> { ["LD_LIBRARY_PATH"] = Path.GetDirectoryName(stub.Path)! }, args);
}
