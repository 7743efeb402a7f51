using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli.Generate;

public class GenerateCommandTests
{
    private static readonly string[] Asked = ["generate", "--model", TestData.Tiny, "--date", "2025-06-28"];

    [Fact]
    public void A_question_is_answered_with_the_final_channel_alone()
    {
        Answer answer = Run([.. Asked, Question]);
        Assert.Equal((0, "The capital of Norway is Oslo.\n"), (answer.Code, answer.Out));
        Assert.Contains("tokens/s", answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_schema_holds_the_final_answer()
    {
        using var folder = new TemporaryFolder();
        string schema = folder.Write("schema.json", """
            {"type": "object", "properties": {"city": {"enum": ["Oslo", "Paris"]}, "sure": {"type": "boolean"}}, "required": ["city", "sure"],
             "additionalProperties": false}
            """);
        Answer answer = Run([.. Asked, "--schema", schema, Question]);
        Assert.Equal(0, answer.Code);
        var value = JsonElement.Parse(answer.Out);
        Assert.Contains(value.GetProperty("city").GetString(), (string[])["Oslo", "Paris"]);
        Assert.True(value.GetProperty("sure").ValueKind is JsonValueKind.True or JsonValueKind.False);
    }

    [Theory]
    [InlineData("""{"type": "strin"}""", 3, "type")]
    [InlineData("""{"type": "integer", "minimum": 5, "maximum": 4}""", 3, "minimum")]
    [InlineData("""{"type": """, 3, "not JSON at line 1")]
    public void A_schema_that_cannot_be_kept_is_refused(string schema, int code, string expected)
    {
        using var folder = new TemporaryFolder();
        Answer answer = Run([.. Asked, "--schema", folder.Write("schema.json", schema), Question]);
        Assert.Equal((code, ""), (answer.Code, answer.Out));
        Assert.Contains(expected, answer.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("should not have happened", answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_answer_that_the_budget_would_cut_is_closed_and_one_that_cannot_be_is_refused_with_the_number_that_it_takes()
    {
        using var folder = new TemporaryFolder();
        string[] held = [.. Asked, "--close-json", "--schema", folder.Write("schema.json",
            """{"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}, "minItems": 3}""")];
        Answer closed = Run([.. held, "--max-tokens", "40", Question]);
        Assert.Equal(0, closed.Code);
        Assert.InRange(JsonElement.Parse(closed.Out).GetArrayLength(), 3, 40);
        Assert.Contains("Closed after ", closed.Error, StringComparison.Ordinal);
        Answer refused = Run([.. held, "--max-tokens", "8", Question]);
        Assert.Equal((2, ""), (refused.Code, refused.Out));
        Match needed = Regex.Match(refused.Error, "--max-tokens 8 leaves --close-json no room: the shortest answer .* takes ([0-9]+) tokens");
        Assert.True(needed.Success, refused.Error);
        Answer shortest = Run([.. held, "--max-tokens", needed.Groups[1].Value, Question]);
        Assert.Equal((0, 3), (shortest.Code, JsonElement.Parse(shortest.Out).GetArrayLength()));
    }

    [Fact]
    public void What_no_schema_binds_is_not_closed() => Assert.Equal(2, Run([.. Asked, "--close-json", Question]).Code);

    [Fact]
    public void A_schema_may_be_nested_as_deeply_as_is_kept()
    {
        using var folder = new TemporaryFolder();
        string nested = string.Concat(Enumerable.Repeat("""{"type": "array", "maxItems": 1, "items": """, 100)) + "false" + new string('}', 100);
        Answer answer = Run([.. Asked, "--schema", folder.Write("schema.json", nested), "--json", Question]);
        Assert.Equal((0, "stop"), (answer.Code, answer.Json.GetProperty("finish_reason").GetString()));
    }

    [Fact]
    public void A_schema_and_a_text_taken_as_it_is_exclude_each_other()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(2, Run([.. Asked[..3], "--raw", "--schema", folder.Write("schema.json", "{}"), Question]).Code);
    }

    [Theory]
    [InlineData("--width", "scalar")]
    [InlineData("--width", "128")]
    [InlineData("--threads", "1")]
    [InlineData("--threads", "2")]
    public void No_setting_changes_a_bit(string option, string value) =>
        Assert.Equal(Run([.. Asked, Question, "--json"]).Out, Run([.. Asked, Question, "--json", option, value]).Out);

    [Fact]
    public void Threads_beyond_the_processors_are_left_out_and_that_is_said()
    {
        int processors = Environment.ProcessorCount;
        Answer answer = Run([.. Asked, Question, "--threads", "1000"]);
        Assert.Equal("The capital of Norway is Oslo.\n", answer.Out);
        Assert.StartsWith($"--threads is 1000, and this program has {(processors == 1 ? "1 processor" : $"{processors} processors")}; it " +
            $"runs one thread on each.\n",
            answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_prompt_comes_from_an_argument_a_file_or_a_pipe()
    {
        using var folder = new TemporaryFolder();
        string expected = Run([.. Asked, Question]).Out;
        Assert.Equal(expected, Run([.. Asked, "--file", folder.Write("question.txt", Question + "\n")]).Out);
        Assert.Equal(expected, RunWith(Question + "\n", Asked).Out);
        Assert.Equal(expected, RunWith(Question, [.. Asked, "-"]).Out);
        Assert.Equal(expected, RunWith("something else", [.. Asked, Question]).Out);
    }

    [Fact]
    public void Json_is_one_object_with_the_promised_fields()
    {
        using var folder = new TemporaryFolder();
        string ids = folder.Write("ids.json", "[4083, 82, 1]");
        Answer answer = Run("generate", "--model", TestData.Tiny, "--ids", ids, "--max-tokens", "2", "--temperature", "0", "--json",
            "--logprobs", "2");
        JsonElement json = answer.Json;
        Assert.Equal(0, answer.Code);
        Assert.Equal(["ids", "text", "finish_reason", "usage", "logprobs", "logits_hash"], json.EnumerateObject().Select(p => p.Name));
        Assert.Equal(2, json.GetProperty("ids").GetArrayLength());
        Assert.Equal("length", json.GetProperty("finish_reason").GetString());
        Assert.Equal("""{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}""", json.GetProperty("usage").GetRawText());
        Assert.Matches("^[0-9a-f]{64}$", json.GetProperty("logits_hash").GetString());
        JsonElement step = json.GetProperty("logprobs")[0];
        Assert.Equal(["id", "token", "logprob", "top"], step.EnumerateObject().Select(p => p.Name));
        Assert.Equal(["id", "token", "logprob"], step.GetProperty("top")[1].EnumerateObject().Select(p => p.Name));
        Assert.Equal(1, answer.Out.Count(c => c == '\n'));
    }

    [Fact]
    public void A_stop_token_is_in_the_ids_and_not_in_the_text()
    {
        JsonElement json = Run([.. Asked, Question, "--json"]).Json;
        Assert.Equal("stop", json.GetProperty("finish_reason").GetString());
        Assert.Equal(4079, json.GetProperty("ids").EnumerateArray().Last().GetInt32());
        Assert.StartsWith("<|channel|>", json.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.EndsWith("The capital of Norway is Oslo.", json.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.False(json.TryGetProperty("logprobs", out _));
    }

    [Fact]
    public void Raw_text_goes_on_as_it_is_with_special_tokens_by_name()
    {
        const string prompt = "<|start|>user<|message|>What is the capital of Norway?<|end|><|start|>assistant";
        Answer answer = Run("generate", "--model", TestData.Tiny, "--raw", prompt, "--stop", "<|end|>");
        Assert.Equal("<|channel|>final<|message|>The capital of Norway is Oslo.\n", answer.Out);
    }

    [Theory]
    [InlineData(1, "", "Cut after 1 token by --max-tokens, before the final answer began; --json shows everything that was written; a larger " +
        "number, or none, gives the rest.")]
    [InlineData(12, "", "Cut after 12 tokens by --max-tokens, before the final answer began; --json shows everything that was written; a larger " +
        "number, or none, gives the rest.")]
    [InlineData(33, "The capital of Norway is Os",
        "Cut after 33 tokens by --max-tokens, in the final answer; a larger number, or none, gives the rest.")]
    public void A_cut_answer_says_where_and_prints_what_the_final_channel_has(int tokens, string printed, string sentence)
    {
        Answer answer = Run([.. Asked, Question, "--max-tokens", $"{tokens}"]);
        Assert.Equal((0, printed + (printed.Length > 0 ? "\n" : "")), (answer.Code, answer.Out));
        Assert.Equal(sentence, answer.Error.Split('\n')[^3]);
    }

    [Fact]
    public void Without_a_limit_a_text_goes_on_to_the_end_of_the_context()
    {
        using var folder = new TemporaryFolder();
        Answer answer = Run("generate", "--model", Small(folder), "--ids", folder.Write("ids.json", "[1, 2]"), "--json");
        Assert.Equal(15, answer.Json.GetProperty("ids").GetArrayLength());
        Assert.Contains("Cut after 15 tokens, because the model's context of 16 tokens is full.\n", answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_answer_that_ends_without_a_final_message_is_printed_whole_and_that_is_said()
    {
        Answer answer = Run([.. Asked, Question, "--stop", "<|message|>"]);
        Assert.Contains("The model ended without a final answer; this is everything that it wrote.\n", answer.Error, StringComparison.Ordinal);
        Assert.Equal("<|channel|>analysis\n", answer.Out);
    }

    [Fact]
    public void A_stop_text_cuts_the_answer() => Assert.Equal("The capital of \n", Run([.. Asked, Question, "--stop", "Norway is"]).Out);

    [Fact]
    public void A_seed_gives_the_same_text_again()
    {
        string[] sampled = ["generate", "--model", TestData.Tiny, Question, "--raw", "--temperature", "3", "--top-k", "50", "--top-p", "0.9",
            "--min-p", "0.01", "--max-tokens", "20", "--seed"];
        Assert.Equal(Run([.. sampled, "5"]).Out, Run([.. sampled, "5"]).Out);
        Assert.NotEqual(Run([.. sampled, "5"]).Out, Run([.. sampled, "18446744073709551615"]).Out);
    }

    [Theory]
    [InlineData("There are several prompts; give one, as an argument, with --file or with --ids.", "a", "--file", "b")]
    [InlineData("There is no prompt; give it as an argument, with --file or --ids, or on standard input.")]
    [InlineData("Unrecognized command or argument 'b'.", "a", "b")]
    [InlineData("--effort is 'huge'; expected low, medium or high.", "a", "--effort", "huge")]
    [InlineData("--date is '28.6.2025'; expected a date such as 2025-06-28.", "a", "--date", "28.6.2025")]
    [InlineData("--temperature is '-1'; expected a number from 0 to 1000000.", "a", "--temperature", "-1")]
    [InlineData("--top-p is '1.5'; expected a number from 0 to 1.", "a", "--top-p", "1.5")]
    [InlineData("--min-p is 'NaN'; expected a number from 0 to 1.", "a", "--min-p", "NaN")]
    [InlineData("--top-k is '-3'; expected a number from 0 to 2147483647.", "a", "--top-k", "-3")]
    [InlineData("--seed is '1.5'; expected a number from 0 to 18446744073709551615.", "a", "--seed", "1.5")]
    [InlineData("--max-tokens is '0'; expected a number from 1 to 2147483647.", "a", "--max-tokens", "0")]
    [InlineData("--threads is '0'; expected a number from 1 to 1024.", "a", "--threads", "0")]
    [InlineData("--logprobs is '-1'; expected a number from 0 to 1000.", "a", "--logprobs", "-1")]
    [InlineData("--width is '64'; expected scalar, 128, 256 or 512.", "a", "--width", "64")]
    [InlineData("--profile is 'float16'; expected float32, bfloat16 or fast.", "a", "--profile", "float16")]
    [InlineData("--raw and --effort exclude each other; what is taken as it is gets no system message.", "a", "--raw", "--effort", "low")]
    [InlineData("--ids and --effort exclude each other; what is taken as it is gets no system message.", "--ids", "x", "--effort", "low")]
    [InlineData("--raw and --date exclude each other; what is taken as it is gets no system message.", "a", "--raw", "--date", "2025-06-28")]
    [InlineData("--stop is empty; every text contains nothing.", "a", "--stop", "")]
    public void Wrong_usage_is_one_sentence_and_exit_code_2(string sentence, params string[] args)
    {
        Answer answer = Run(["generate", "--model", TestData.Tiny, .. args]);
        Assert.Equal(new(2, "", sentence + "\n"), answer);
    }

    [Fact]
    public void Bytes_that_are_not_UTF_8_are_refused_by_their_position_or_read_as_asked()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("latin.txt", [(byte)'N', (byte)'o', (byte)'r', 0xE6, (byte)'?']);
        Assert.Equal(new(3, "", "latin.txt: byte 3 is 0xE6, which is not UTF-8 there; --lossy reads such bytes as U+FFFD.\n"),
            Run([.. Asked, "--file", file]));
        Assert.Equal(0, Run([.. Asked, "--file", file, "--lossy", "--max-tokens", "1"]).Code);
    }

    [Fact]
    public void An_empty_pipe_is_no_prompt() => Assert.Equal(new(2, "", "There is no prompt; standard input is empty.\n"), RunWith("", Asked));

    [Theory]
    [InlineData("[1, 512]", "Token id 512 at place 1 of the prompt is unknown; the model has ids 0 to 511.")]
    [InlineData("[-1]", "Token id -1 at place 0 of the prompt is unknown; the model has ids 0 to 511.")]
    [InlineData("[]", "The prompt has no tokens, so there is nothing to continue.")]
    [InlineData("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "The prompt has 17 tokens; the model's context holds 16.")]
    [InlineData("[1, 2.5]", "ids.json: entry 1 is 2.5; expected a token id.")]
    [InlineData("[1, \"a\"]", "ids.json: entry 1 is \"a\"; expected a token id.")]
    [InlineData("{}", "ids.json: the document is not an array; expected a JSON array of token ids, such as [1, 2, 3].")]
    [InlineData("[1", "ids.json: not valid JSON at line 1, byte 3; expected an array of token ids.")]
    public void Ids_that_cannot_be_used_are_one_sentence_and_exit_code_3(string ids, string sentence)
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(new(3, "", sentence + "\n"), Run("generate", "--model", Small(folder), "--ids", folder.Write("ids.json", ids)));
    }

    [Fact]
    public void A_model_without_all_of_its_tokenizer_s_ids_takes_ids_only()
    {
        using var folder = new TemporaryFolder();
        string model = Small(folder);
        Assert.Equal(
            new(3, "", "The model has 512 token ids and its tokenizer 201088, so text cannot be encoded for it; give token ids with --ids.\n"),
            Run("generate", "--model", model, "a"));
        Assert.Equal(4, Run("generate", "--model", model, "--ids", folder.Write("ids.json", "[1,2]"), "--max-tokens", "4", "--json").Json.GetProperty(
            "ids").GetArrayLength());
    }

    [Fact]
    public void A_missing_file_is_exit_code_3() =>
        Assert.Equal(new(3, "", "There is no file 'no-such-file'.\n"), Run([.. Asked, "--file", "no-such-file"]));

    [Fact]
    public void A_width_that_the_machine_lacks_is_exit_code_2()
    {
        var narrow = new Dictionary<string, string> { ["DOTNET_EnableAVX512"] = "0", ["DOTNET_EnableAVX2"] = "0" };
        Answer answer = RunProcess(narrow, [.. Asked, Question, "--width", "512"]);
        Assert.Equal(new(2, "", "This machine has no 512-bit registers; --width can be scalar or 128.\n"),
            answer with { Error = answer.Error.ReplaceLineEndings("\n") });
    }

    [Fact]
    public void Without_a_model_the_bundled_toy_answers_and_says_how_to_get_the_real_one()
    {
        using var folder = new TemporaryFolder();
        Answer answer = RunProcess(new Dictionary<string, string> { ["HF_HUB_CACHE"] = folder.Path }, "generate", "--date", "2025-06-28", Question);
        Assert.Equal((0, "The capital of Norway is Oslo."), (answer.Code, answer.Out.TrimEnd()));
        Assert.StartsWith(
            """Using the bundled tiny-gpt-oss, a toy. The real model: hf download openai/gpt-oss-20b --include "original/*" """.TrimEnd(),
            answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_downloaded_model_is_preferred_to_the_toy()
    {
        using var folder = new TemporaryFolder();
        folder.Write("models--openai--gpt-oss-20b/refs/main", "abc\n");
        Small(folder, "models--openai--gpt-oss-20b/snapshots/abc/original");
        Answer answer = RunProcess(new Dictionary<string, string> { ["HF_HUB_CACHE"] = folder.Path }, "generate", "--ids",
            folder.Write("ids.json", "[1]"), "--max-tokens", "1", "--json");
        Assert.StartsWith("Using openai/gpt-oss-20b from the Hugging Face cache.", answer.Error, StringComparison.Ordinal);
        Assert.Equal(1, answer.Json.GetProperty("ids").GetArrayLength());
    }

    [Fact]
    public void A_download_that_is_not_finished_is_said_before_the_toy_answers()
    {
        using var folder = new TemporaryFolder();
        string First() =>
            RunProcess(new Dictionary<string, string> { ["HF_HUB_CACHE"] = folder.Path }, "generate", "--max-tokens", "1", Question).Error.Split(
                '\n')[0].TrimEnd();
        folder.Write("models--openai--gpt-oss-20b/refs/main", "abc\n");
        Assert.Equal("A download of openai/gpt-oss-20b into the Hugging Face cache was begun and has no file yet; finish it: "
            + """hf download openai/gpt-oss-20b --include "original/*" """.TrimEnd(), First());
        folder.Write("models--openai--gpt-oss-20b/snapshots/abc/original/config.json", "{}");
        Assert.StartsWith("gpt-oss-20b: the snapshot in the Hugging Face cache lacks original/*.safetensors; finish it with 'hf " +
            "download openai/gpt-oss-20b'", First(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_downloaded_model_is_found_by_its_name_without_the_owner()
    {
        using var folder = new TemporaryFolder();
        folder.Write("models--openai--gpt-oss-20b/refs/main", "abc\n");
        Small(folder, "models--openai--gpt-oss-20b/snapshots/abc/original");
        Answer answer = RunProcess(new Dictionary<string, string> { ["HF_HUB_CACHE"] = folder.Path }, "generate", "--model", "gpt-oss-20b", "--ids",
            folder.Write("ids.json", "[1]"), "--json");
        Assert.Equal(0, answer.Code);
    }

    [Fact]
    public void Ctrl_C_ends_with_what_was_produced_and_exit_code_130()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals are sent with kill.");
        Assert.SkipWhen(IsInterruptIgnored(), "The tests run in a script's background, where SIGINT is ignored; so do the programs that they start.");
        using var folder = new TemporaryFolder();
        string model = Endless(folder);
        using Process process = Start(new Dictionary<string, string>(),
            "generate", "--model", model, "--ids", folder.Write("ids.json", "[1]"), "--max-tokens", "1000000", "--raw", "--temperature", "1",
            "--seed", "1");
        char[] first = new char[1];
        Assert.Equal(1, process.StandardOutput.Read(first));       // the answer has begun
        using (var kill = Process.Start("kill", ["-INT", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]))
            kill.WaitForExit();
        process.StandardOutput.ReadToEnd();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(130, process.ExitCode);
        Assert.EndsWith(", cancelled.\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_closed_pipe_ends_the_program_quietly()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The shell's pipe is tested.");
        using var folder = new TemporaryFolder();
        string model = Endless(folder);
        using Process process = Start(new Dictionary<string, string>(),
            "generate", "--model", model, "--ids", folder.Write("ids.json", "[1]"), "--max-tokens", "1000000", "--raw", "--temperature", "1");
        process.StandardOutput.Read(new char[1]);
        process.StandardOutput.Close();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal((0, ""), (process.ExitCode, error));
    }

    private static bool IsInterruptIgnored()
    {
        const string Mask = "SigIgn:";
        return File.Exists("/proc/self/status") && File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(Mask,
            StringComparison.Ordinal)) is { } line && (Convert.ToUInt64(line[Mask.Length..].Trim(), 16) & 2) != 0;
    }

    /// <summary>A checkpoint that never stops, with room for 131,072 tokens.</summary>
    private static string Endless(TemporaryFolder folder)
    {
        string shape = SmallShapes.SixteenPositions.Replace("\"initial_context_length\": 16", "\"initial_context_length\": 131072",
            StringComparison.Ordinal);
        SyntheticCheckpoint.Write(folder.File("endless"), shape, 1, cancellation: TestContext.Current.CancellationToken);
        return folder.File("endless");
    }
}
