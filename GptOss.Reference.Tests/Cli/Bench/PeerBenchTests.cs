using System.Text.Json;
using System.Text.Json.Nodes;
using GptOss.Cli.Bench;
using GptOss.Reference.Ground;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli.Bench;

public sealed class PeerBenchTests : IDisposable
{
    /// <summary>Two tests as llama-bench spells them, of a file from Windows and with the members of newer builds.</summary>
    private const string Output =
        """
        [
          {
            "build_commit": "b5d2f9ee", "build_number": 7123, "cpu_info": "AMD EPYC", "gpu_info": "", "backends": "CPU",
            "model_filename": "C:\\models\\gpt-oss-20b-mxfp4.gguf", "model_type": "gpt-oss 20B MXFP4 MoE", "model_size": 12102800000, "n_threads": 2,
            "n_prompt": 8, "n_gen": 0, "n_depth": 0, "avg_ns": 1, "stddev_ns": 0, "avg_ts": 40.5, "stddev_ts": 0.25,
            "samples_ns": [1], "samples_ts": [40.5]
          },
          {
            "build_commit": "b5d2f9ee", "build_number": 7123,
            "model_filename": "C:\\models\\gpt-oss-20b-mxfp4.gguf", "model_type": "gpt-oss 20B MXFP4 MoE", "n_threads": 2,
            "n_prompt": 0, "n_gen": 128, "avg_ts": 10.25, "stddev_ts": 0.5
          },
          {
            "build_commit": "b5d2f9ee", "build_number": 7123,
            "model_filename": "C:\\models\\gpt-oss-20b-mxfp4.gguf", "model_type": "gpt-oss 20B MXFP4 MoE", "n_threads": 2,
            "n_prompt": 0, "n_gen": 128, "n_depth": 2048, "avg_ts": 5.5, "stddev_ts": 0.1
          },
          {
            "build_commit": "b5d2f9ee", "build_number": 7123,
            "model_filename": "C:\\models\\gpt-oss-20b-mxfp4.gguf", "model_type": "gpt-oss 20B MXFP4 MoE", "n_threads": 2,
            "n_prompt": 512, "n_gen": 128, "n_depth": 0, "avg_ts": 20, "stddev_ts": 0.1
          }
        ]
        """;

    private readonly TemporaryFolder _folder = new();

    /// <summary>A change of the second test, and the sentence it is refused with.</summary>
    public static TheoryData<string, string?, string> Damages => new()
    {
        { "model_filename", null, "test 1 has no model_filename; expected the output of llama-bench -o json." },
        { "model_filename", "7", "model_filename of test 1 is 7; expected text." },
        { "model_filename", "\"other.gguf\"", "test 1 is of other.gguf (gpt-oss 20B MXFP4 MoE) on 2 threads and test 0 of gpt-oss-20b-mxfp4.gguf "
            + "(gpt-oss 20B MXFP4 MoE) on 2; give one file for each." },
        { "n_threads", null, "test 1 has no n_threads; expected the output of llama-bench -o json." },
        { "n_threads", "1e99", "n_threads of test 1 is 1e99; expected an integer from 0 to 16777216." },
        { "n_prompt", "-1", "n_prompt of test 1 is -1; expected an integer from 0 to 16777216." },
        { "n_gen", "\"128\"", "n_gen of test 1 is '128'; expected an integer from 0 to 16777216." },
        { "avg_ts", "0", "avg_ts of test 1 is 0; expected tokens a second." },
        { "avg_ts", "1e999", "avg_ts of test 1 is 1e999; expected a number from 0." },
        { "stddev_ts", "[]", "stddev_ts of test 1 is a list; expected a number from 0." },
    };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Figures_of_llama_bench_stand_beside_ours()
    {
        Assert.Equal(
            """
            peer: gpt-oss-20b-mxfp4.gguf (gpt-oss 20B MXFP4 MoE), llama.cpp 7123 b5d2f9ee, 2 threads; means

                     tokens  context  peer tokens/s     ours  ours / peer
            prefill       8        0   40.50 ± 0.25    81.00         2.00
            decode      128        0   10.25 ± 0.50     8.20         0.80
            decode      128    2,048    5.50 ± 0.10  not run

            The peer ran on 2 threads, this on 1: compare like with like.
            """, Read(Output).Table(Ours, threads: 1));
        Assert.EndsWith("not run", Read(Output).Table(Ours, threads: 2), StringComparison.Ordinal);
    }

    [Fact]
    public void Several_prompts_and_contexts_stand_beside_a_peer_s_in_one_run()
    {
        string peer = _folder.Write("peer.json", Output.Replace("\"n_depth\": 2048", "\"n_depth\": 24", StringComparison.Ordinal)
            .Replace("\"n_gen\": 128", "\"n_gen\": 2", StringComparison.Ordinal));
        Answer answer = Run("bench", "--model", TestData.Tiny, "--prompt", "8,16", "--context", "4,24", "--tokens", "2", "--repeat", "1", "--threads",
            "1", "--peer", peer);
        Assert.True(answer.Code == 0, answer.Error);
        Assert.DoesNotContain("not run", answer.Out, StringComparison.Ordinal);
        Assert.Equal(["prefill 8 0", "prefill 16 0", "decode 2 4", "decode 2 24"], answer.Out.Split("\npeer: ")[0].Split('\n')
            .Where(line => line.StartsWith("prefill", StringComparison.Ordinal) || line.StartsWith("decode", StringComparison.Ordinal))
            .Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[..3])));
        Assert.Contains("--prompt is 'x'; expected numbers from 0 to 1048576 with commas between them.",
            Run("bench", "--model", TestData.Tiny, "--prompt", "8,x").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_object_has_them_too()
    {
        JsonElement peer = JsonElement.Parse(JsonText.Of(json =>
        {
            json.WriteStartObject();
            Read(Output).Write(json, Ours);
            json.WriteEndObject();
        })).GetProperty("peer");
        Assert.Equal(("7123 b5d2f9ee", 2, 3), (peer.GetProperty("build").GetString(), peer.GetProperty("threads").GetInt32(),
            peer.GetProperty("runs").GetArrayLength()));
        Assert.Equal(2, peer.GetProperty("runs")[0].GetProperty("ratio").GetDouble(), 9);
        Assert.False(peer.GetProperty("runs")[2].TryGetProperty("ratio", out _));
    }

    [Theory, MemberData(nameof(Damages))]
    public void A_damaged_file_is_refused_in_one_sentence(string member, string? value, string sentence)
    {
        JsonArray tests = JsonNode.Parse(Output)!.AsArray();
        string text = Output;
        if (value is null)
        {
            tests[1]!.AsObject().Remove(member);
            text = tests.ToJsonString();
        }
        else
        {
            tests[1]![member] = "PLACE";
            text = tests.ToJsonString().Replace("\"PLACE\"", value, StringComparison.Ordinal);
        }
        Assert.Equal(new(3, "", $"peer.json: {sentence}\n"), Bench(text));
    }

    [Theory]
    [InlineData("", "the file is empty; expected the output of llama-bench -o json.")]
    [InlineData("{}", "the document is not a list of tests; expected the output of llama-bench -o json.")]
    [InlineData("[]", "no test times a prompt alone or generation alone.")]
    [InlineData("[7]", "test 0 is 7; expected an object.")]
    [InlineData("[{]", "the document is not valid JSON at line 1, byte 3.")]
    [InlineData("| model | size |", "the document is not valid JSON at line 1, byte 1.")]
    public void What_llama_bench_did_not_write_as_JSON_is_refused_in_one_sentence(string text, string sentence) =>
        Assert.Equal(new(3, "", $"peer.json: {sentence}\n"), Bench(text));

    [Fact]
    public void A_name_in_the_file_cannot_write_to_the_terminal() =>
        Assert.StartsWith(@"peer: a\u001B[31mb.gguf ", Read(Output.Replace("gpt-oss-20b-mxfp4", @"a\u001b[31mb", StringComparison.Ordinal))
            .Table(Ours, 1), StringComparison.Ordinal);

    private static BenchRun[] Ours =>
    [
        new("prefill", 8, 0, 8 / 81.0, 0, 0), new("prefill", 8, 0, 8 / 162.0, 0, 0), new("prefill", 8, 0, 8 / 20.25, 0, 0),
        new("prefill", 16, 0, 1, 0, 0), new("decode", 2, 8, 2 / 8.2, 0, 0), new("decode", 2, 64, 1, 0, 0),
    ];

    private PeerBench Read(string text) => PeerBench.Read(_folder.Write("peer.json", text));

    // Refused before anything is measured.
    private Answer Bench(string peer) => Run("bench", "--model", TestData.Tiny, "--peer", _folder.Write("peer.json", peer));
}
