using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Oracle.Synthetic;
using Xunit;

namespace GptOss.Reference.Tests.Checkpoints.Configuration;

public class ConfigReaderTests
{
    private const string Original = """
        {"num_hidden_layers": 2, "num_experts": 8, "experts_per_token": 4, "vocab_size": 512, "hidden_size": 96, "intermediate_size": 64,
         "head_dim": 64, "num_attention_heads": 8, "num_key_value_heads": 2}
        """;

    private static readonly string HuggingFace = File.ReadAllText(Path.Combine(TestData.Tiny, "config.json"));

    [Fact]
    public void Keys_that_are_not_required_have_the_published_defaults()
    {
        GptOssConfig config = ConfigReader.Parse(Original, "config.json");
        Assert.Equal(new GptOssConfig
        {
            NumHiddenLayers = 2, NumExperts = 8, ExpertsPerToken = 4, VocabSize = 512, HiddenSize = 96, IntermediateSize = 64,
            HeadDim = 64, NumAttentionHeads = 8, NumKeyValueHeads = 2, SlidingWindow = 128, SwigluLimit = 7f, SwigluAlpha = 1.702f,
            RmsNormEps = 1e-5f,
            RopeTheta = 150_000f, InitialContextLength = 4096, RopeScalingFactor = 32f, RopeNtkAlpha = 1f, RopeNtkBeta = 32f, MaxPositions = 131_072,
        }, config);
    }

    [Fact]
    public void Integers_may_stand_for_floats_and_whole_floats_for_integers()
    {
        string json = SyntheticCheckpoint.ConfigFor("20b").Replace(".0", "", StringComparison.Ordinal).Replace("24", "24.0", StringComparison.Ordinal)
            .Replace("128", "1.28e2", StringComparison.Ordinal);
        Assert.Contains("\"rope_theta\": 150000,", json, StringComparison.Ordinal);
        Assert.Equal(PublishedShapes.Gpt20b, ConfigReader.Parse(json, "config.json"));
    }

    [Fact]
    public void Newer_names_are_read_and_may_stand_beside_the_older_ones()
    {
        GptOssConfig expected = ConfigReader.Parse(HuggingFace, "config.json");
        string newer = Changed(HuggingFace, config =>
        {
            config["rope_parameters"] = config["rope_scaling"]!.DeepClone();
            config["rope_parameters"]!["rope_theta"] = 150000;
            config.Remove("rope_scaling");
            config.Remove("rope_theta");
            config.Remove("initial_context_length");
            config.Remove("experts_per_token");
            config["num_experts"] = 8;
        });
        Assert.Equal(expected, ConfigReader.Parse(newer, "config.json"));
    }

    [Fact]
    public void A_list_of_layer_types_decides_and_the_published_pattern_needs_none()
    {
        Assert.Null(ConfigReader.Parse(HuggingFace, "config.json").SlidingLayers);
        GptOssConfig config = ConfigReader.Parse(Changed(HuggingFace, config => config["layer_types"]![0] = "full_attention"), "config.json");
        Assert.Equal([null, null, 128, null, 128, null], Enumerable.Range(0, 6).Select(config.WindowOf));
    }

    [Fact]
    public void A_window_of_nothing_is_full_attention()
    {
        Assert.Null(ConfigReader.Parse(Changed(HuggingFace, config => config["sliding_window"] = null), "config.json").WindowOf(0));
        Assert.Null(ConfigReader.Parse(Changed(Original, config => config["sliding_window"] = 0), "config.json").WindowOf(0));
    }

    [Fact]
    public void Positions_are_the_stated_ones_else_the_initial_context_times_the_factor()
    {
        Assert.Equal(1000, ConfigReader.Parse(Changed(Original, config => config["max_position_embeddings"] = 1000), "c").MaxPositions);
        Assert.Equal(4096, ConfigReader.Parse(Changed(Original, config => config["rope_scaling_factor"] = 0.5), "c").MaxPositions);
        Assert.Equal(6144, ConfigReader.Parse(Changed(Original, config => config["rope_scaling_factor"] = 1.5), "c").MaxPositions);
    }

    [Fact]
    public void What_has_to_be_assumed_is_said()
    {
        var notices = new List<string>();
        ConfigReader.Parse(Changed(HuggingFace, config => config["rope_scaling"]!.AsObject().Remove("truncate")), "config.json", notices);
        ConfigReader.Parse(Changed(HuggingFace, config => config.Remove("rope_scaling")), "config.json", notices);
        Assert.Equal(
        [
            "config.json has no rope_scaling.truncate; assuming false, as published. Other libraries assume true and rotate differently.",
            "config.json has no rope_scaling; assuming the published YaRN values (factor 32).",
        ], notices);
    }

    [Theory]
    [InlineData("null", "null", 32)]
    [InlineData(null, "null", 32)]
    [InlineData("null", null, 32)]
    [InlineData(null, null, 32)]
    [InlineData("""{"rope_type": "default"}""", null, 1)]
    [InlineData(null, """{"rope_type": "default", "rope_theta": 150000}""", 1)]
    [InlineData(null, """{"rope_theta": 150000}""", 1)]
    [InlineData(null, """{"rope_theta": 150000, "partial_rotary_factor": 1.0}""", 1)]
    [InlineData("null", """{"rope_type": "yarn", "factor": 16, "truncate": false}""", 16)]
    [InlineData("""{"rope_type": "yarn", "factor": 16, "truncate": false}""", "null", 16)]
    [InlineData("""{"type": "yarn", "factor": 16, "truncate": false}""",
        """{"rope_type": "yarn", "factor": 16.0, "beta_fast": 32, "rope_theta": 150000}""", 16)]
    [InlineData("""{"rope_type": "yarn", "factor": 1, "attention_factor": 1}""", null, 1)]
    public void The_factor_is_what_transformers_takes_it_to_be(string? scaling, string? parameters, float factor)
    {
        string json = Changed(HuggingFace, config =>
        {
            config.Remove("rope_scaling");
            if (scaling is not null)
                Set(config, "rope_scaling", scaling);
            if (parameters is not null)
                Set(config, "rope_parameters", parameters);
        });
        Assert.Equal(factor, ConfigReader.Parse(json, "config.json").RopeScalingFactor);
    }

    [Fact]
    public void Keys_of_a_rotation_that_are_not_read_are_said()
    {
        var notices = new List<string>();
        ConfigReader.Parse(Changed(HuggingFace, config =>
        {
            config["rope_scaling"] = null;
            config["rope_parameters"] = JsonNode.Parse("""{"rope_theta": 150000, "factor": 32, "low_freq_factor": 4}""");
        }), "config.json", notices);
        ConfigReader.Parse(Changed(HuggingFace, config => Set(config, "rope_scaling.short_factor", "[1]")), "config.json", notices);
        Assert.Equal(
        [
            "rope_parameters: low_freq_factor, factor not used, since it has no rope_type, so nothing is scaled.",
            "rope_scaling: short_factor not used, since YaRN has no such key.",
        ], notices);
    }

    [Fact]
    public void Layer_types_of_null_are_the_published_ones() =>
        Assert.Null(ConfigReader.Parse(Changed(HuggingFace, config => config["layer_types"] = null), "config.json").SlidingLayers);

    [Fact]
    public void A_window_as_long_as_the_context_may_be_of_any_length() =>
        Assert.Equal(131072, ConfigReader.Parse(Changed(Original, config => config["sliding_window"] = 131072), "config.json").WindowOf(0));

    [Fact]
    public void The_bounds_of_the_rotation_are_judged_as_the_rotation_judges_them()
    {
        // Contexts at which the two logarithms that used to judge may round to different sides of a bound.
        for (int context = 150; context < 260; context++)
        {
            string json = Changed(Original, config => config["initial_context_length"] = context);
            bool isRead = Record.Exception(() => ConfigReader.Parse(json, "config.json")) is null;
            bool isTurned = Record.Exception(() => new Reference.Numerics.RowKernels.RotaryTable(64, 150_000, 32, context, 1, 32)) is null;
            Assert.Equal(isTurned, isRead);
        }
    }

    public static TheoryData<string, string, string> Refusals { get; } = new()
    {
        { "", "", "config.json: the file is empty; expected a JSON object." },
        { "", """{"\udc00": 1}""", "config.json: the document holds text that is not Unicode." },
        { "", "[]", "config.json: the document is a list; expected an object." },
        { "", "{\n \"a\": }", "config.json: the document is not valid JSON at line 2, byte 7." },
        { "", """{"a": 1, "a": 1}""", "config.json: the document has two equal keys in one object." },
        { "", "{}",
            "config.json: required keys are missing: num_hidden_layers, num_experts or num_local_experts, experts_per_token or num_experts_per_tok, "
            + "vocab_size, hidden_size, intermediate_size, num_attention_heads, num_key_value_heads, head_dim." },
        { "num_hidden_layers", "0", "config.json: num_hidden_layers is 0; expected an integer from 1 to 4096." },
        { "num_hidden_layers", "2000000000", "config.json: num_hidden_layers is 2000000000; expected an integer from 1 to 4096." },
        { "num_experts", "4.5", "config.json: num_experts is 4.5; expected an integer from 1 to 4096." },
        { "num_experts", "\"8\"", "config.json: num_experts is '8'; expected an integer from 1 to 4096." },
        { "num_experts", "null", "config.json: the required key num_experts or num_local_experts is missing." },
        { "num_experts", "1e400", "config.json: num_experts is 1e400; expected an integer from 1 to 4096." },
        { "num_local_experts", "9", "config.json: num_experts is 8 and num_local_experts is 9; they mean the same and must be equal." },
        { "num_experts_per_tok", "3", "config.json: experts_per_token is 4 and num_experts_per_tok is 3; they mean the same and must be equal." },
        { "experts_per_token", "9", "config.json: experts_per_token is 9 and num_experts is 8; a token cannot use more experts than there are." },
        { "head_dim", "63", "config.json: head_dim is 63; expected an even number, because the rotation pairs channels." },
        { "head_dim", "1", "config.json: head_dim is 1; expected an integer from 2 to 1024." },
        { "num_key_value_heads", "7", "config.json: num_attention_heads is 8 and num_key_value_heads is 7; heads must divide " +
            "evenly among key/value heads." },
        { "hidden_size", "90", "config.json: hidden_size is 90; expected a multiple of 32, the length of an MXFP4 block." },
        { "intermediate_size", "16", "config.json: intermediate_size is 16; expected a multiple of 32, the length of an MXFP4 block." },
        { "hidden_size", "16777216", "config.json: hidden_size is 16777216; expected an integer from 1 to 65536." },
        { "intermediate_size", "65568", "config.json: intermediate_size is 65568; expected an integer from 1 to 65536." },
        { "num_experts", "190000", "config.json: num_experts is 190000; expected an integer from 1 to 4096." },
        { "experts_per_token", "65", "config.json: experts_per_token is 65; expected an integer from 1 to 64." },
        { "vocab_size", "16777216", "config.json: vocab_size is 16777216; expected an integer from 1 to 4194304." },
        { "num_attention_heads", "1025", "config.json: num_attention_heads is 1025; expected an integer from 1 to 1024." },
        { "num_attention_heads num_key_value_heads head_dim", "1024",
            "config.json: num_attention_heads times head_dim is 1048576; at most 65536 can be." },
        { "num_attention_heads num_key_value_heads", "512", "config.json: num_key_value_heads times head_dim is 32768; at most 8192 can be." },
        { "hidden_size", "65536", "config.json: experts_per_token times hidden_size is 262144; at most 131072 can be." },
        { "intermediate_size", "65536", "config.json: experts_per_token times intermediate_size is 262144; at most 131072 can be." },
        { "sliding_window", "-1", "config.json: sliding_window is -1; expected an integer from 0 to 16777216." },
        { "sliding_window", "65537", "config.json: sliding_window is 65537 in a context of 131072; a window has at most 65536 positions." },
        { "max_position_embeddings", "16777217", "config.json: max_position_embeddings is 16777217; expected an integer from 1 to 16777216." },
        { "initial_context_length", "2147483647", "config.json: initial_context_length is 2147483647; expected an integer from 1 to 16777216." },
        { "swiglu_limit", "0", "config.json: swiglu_limit is 0; expected a number above 0." },
        { "swiglu_limit", "1e39", "config.json: swiglu_limit is 1e39; expected a number above 0." },
        { "swiglu_limit", "1e-60", "config.json: swiglu_limit is 1e-60; expected a number above 0." },
        { "rms_norm_eps", "true", "config.json: rms_norm_eps is true; expected a number above 0." },
        { "rope_theta", "1", "config.json: rope_theta is 1; expected a number above 1." },
        { "rope_ntk_beta", "0.5", "config.json: the bounds of YaRN are 19.2591 and 17.398 for head_dim 64; expected 0 < low < high < 31." },
        { "rope_ntk_beta", "1000", "config.json: the bounds of YaRN are -1.1488 and 17.398 for head_dim 64; expected 0 < low < high < 31." },
        { "yarn_bounds", "\"floor\"", "config.json: yarn_bounds is 'floor'; expected 'published' or 'rounded'." },
        { "head_dim", "2", "config.json: the bounds of YaRN are 0.2529 and 0.5437 for head_dim 2; expected 0 < low < high < 0." },
        { "rope_scaling_factor", "1e9", "config.json: the context of 4096 positions times the factor 1E+09 is more than 16777216 positions." },
        { "layer_types", "[\"full_attention\"]", "config.json: layer_types has 1 entries and num_hidden_layers is 2; expected one for each layer." },
        { "layer_types", "[\"full_attention\", 7]", "config.json: layer_types[1] is 7; expected 'sliding_attention' or 'full_attention'." },
        { "layer_types", "{}", "config.json: layer_types is an object; expected a list." },
        { "model_type", "\"llama\"", "config.json: model_type is 'llama'; expected 'gpt_oss'." },
        { "hf attention_bias", "false", "config.json: attention_bias is false; gpt-oss has biases on its attention projections." },
        { "hf attention_bias", "1", "config.json: attention_bias is 1; expected true or false." },
        { "hf tie_word_embeddings", "true", "config.json: tie_word_embeddings is true; gpt-oss has an unembedding of its own." },
        { "hf rope_scaling", "[]", "config.json: rope_scaling is a list; expected an object." },
        { "hf rope_scaling.rope_type", "\"linear\"", "config.json: rope_scaling.rope_type is 'linear' with factor 32; expected 'yarn'." },
        { "hf rope_scaling.truncate", "true", "config.json: rope_scaling.truncate is true; gpt-oss does not round the bounds of " +
            "YaRN to whole channels." },
        { "hf rope_scaling.factor", "0", "config.json: rope_scaling.factor is 0; expected a number above 0." },
        { "hf rope_scaling.attention_factor", "1.0", "config.json: rope_scaling.attention_factor is 1; gpt-oss has 0.1·ln(factor) + " +
            "1 = 1.3465735902799727." },
        { "hf rope_scaling.factor", "0.5", "config.json: rope_scaling.factor is 0.5; gpt-oss has YaRN only to lengthen its context." },
        { "hf rope_scaling.factor", "null", "config.json: rope_scaling.factor is missing; YaRN needs it." },
        { "hf rope_parameters", """{"rope_type": "yarn", "factor": 16, "truncate": false}""",
            "config.json: rope_scaling.factor is 32 and rope_parameters.factor is 16; they mean the same and must be equal." },
        { "hf rope_parameters", """{"rope_theta": 150000}""",
            "config.json: rope_scaling.factor is 32 and rope_parameters.rope_type is 1; they mean the same and must be equal." },
        { "hf rope_parameters", """{"rope_type": "yarn", "factor": 32, "truncate": false, "beta_slow": 2}""",
            "config.json: rope_scaling.beta_slow is 1 and rope_parameters.beta_slow is 2; they mean the same and must be equal." },
        { "hf rope_parameters", """{"rope_type": "yarn", "factor": 32, "truncate": true}""",
            "config.json: rope_parameters.truncate is true; gpt-oss does not round the bounds of YaRN to whole channels." },
        { "hf rope_parameters", """{"full_attention": {"rope_type": "yarn"}, "sliding_attention": {"rope_type": "default"}}""",
            "config.json: rope_parameters.sliding_attention is given; gpt-oss turns all its layers by the same angles." },
        { "hf rope_scaling.full_attention", "{}", "config.json: rope_scaling.full_attention is given; gpt-oss turns all its " +
            "layers by the same angles." },
        { "hf partial_rotary_factor", "0.5", "config.json: partial_rotary_factor is 0.5; gpt-oss rotates whole heads." },
        { "hf rope_scaling.partial_rotary_factor", "0.5", "config.json: rope_scaling.partial_rotary_factor is 0.5; gpt-oss rotates whole heads." },
        { "hf rope_ntk_beta", "16", "config.json: rope_ntk_beta is 16 and rope_scaling.beta_fast is 32; they mean the same and must be equal." },
        { "hf rope_scaling.mscale", "1.0", "config.json: rope_scaling.mscale is given; gpt-oss has none." },
        { "hf rope_scaling.rope_theta", "10000", "config.json: rope_theta is 150000 and rope_scaling.rope_theta is 10000; they mean the " +
            "same and must be equal." },
        { "hf rope_scaling.original_max_position_embeddings", "8192", "config.json: initial_context_length is 4096 and "
            + "rope_scaling.original_max_position_embeddings is 8192; they mean the same and must be equal." },
    };

    [Theory, MemberData(nameof(Refusals))]
    public void A_value_that_cannot_be_is_refused_in_one_sentence(string key, string value, string message)
    {
        string json = key.Length == 0 ? value : key.StartsWith("hf ", StringComparison.Ordinal)
            ? Changed(HuggingFace, config => Set(config, key[3..], value))
            : Changed(Original, config => Array.ForEach(key.Split(' '), each => Set(config, each, value)));
        CheckpointFormatException e = Assert.Throws<CheckpointFormatException>(() => ConfigReader.Parse(json, "/somewhere/config.json"));
        Assert.Equal(message, e.Message);
        Assert.Equal("/somewhere/config.json", e.File);
    }

    /// <summary>A library runs in its host's culture, and this one differs in all that a number can differ in.</summary>
    [Theory, MemberData(nameof(Refusals))]
    public void A_sentence_is_the_same_in_every_culture(string key, string value, string message)
    {
        CultureInfo before = CultureInfo.CurrentCulture, foreign = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        foreign.NumberFormat = new() { NegativeSign = "minus ", NumberDecimalSeparator = ",", NumberGroupSeparator = ".", PositiveSign = "plus " };
        CultureInfo.CurrentCulture = foreign;
        try
        {
            Assert.Equal("-0.5", $"{-0.5}");
            Assert.Equal("minus 0,5", (-0.5).ToString(CultureInfo.CurrentCulture));
            A_value_that_cannot_be_is_refused_in_one_sentence(key, value, message);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void A_byte_order_mark_is_no_part_of_a_configuration() =>
        Assert.Equal(ConfigReader.Parse(Original, "config.json"), ConfigReader.Parse("\uFEFF" + Original, "config.json"));

    [Fact]
    public void A_configuration_that_is_written_reads_as_the_same()
    {
        GptOssConfig config = ConfigReader.Parse(Changed(HuggingFace, config => config["swiglu_limit"] = 6.5), "config.json");
        Assert.Equal(config, ConfigReader.Parse(ConfigWriter.Write(config), "config.json"));
    }

    [Theory]
    [InlineData("""{"eos_token_id": [200002, 199999, 200012]}""", new[] { 200002, 199999, 200012 })]
    [InlineData("""{"eos_token_id": 200002}""", new[] { 200002 })]
    [InlineData("""{"eos_token_id": null}""", new int[0])]
    [InlineData("{}", new int[0])]
    public void End_ids_are_one_a_list_or_none(string json, int[] ids)
    {
        using var folder = new TemporaryFolder();
        Assert.Null(GenerationConfig.Find(folder.Path));
        folder.Write("generation_config.json", json);
        Assert.Equal(ids, GenerationConfig.Find(folder.Path)!.EosTokenIds);
    }

    [Fact]
    public void An_end_id_that_is_no_id_is_refused()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("generation_config.json", """{"eos_token_id": [1, -1]}""");
        Assert.Equal("generation_config.json: eos_token_id holds -1; expected ids from 0 to 2147483647.",
            Assert.Throws<CheckpointFormatException>(() => GenerationConfig.Read(path)).Message);
    }

    [Fact]
    public void A_configuration_damaged_at_random_is_read_or_refused()
    {
        byte[][] valid = [Encoding.UTF8.GetBytes(Original), Encoding.UTF8.GetBytes(HuggingFace)];
        Check.One(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(2000), Prop.ForAll(ArbMap.Default.GeneratorFor<int>().ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            byte[] json = [.. valid[random.Next(2)]];
            for (int times = random.Next(1, 4); times > 0; times--)
                json[random.Next(json.Length)] = random.Next(3) == 0 ? (byte)random.Next(256) : (byte)"0123456789eE.-+\",:{}[]"[random.Next(22)];
            Attempt(json);
        }));
    }

    [Fact]
    public void Any_value_under_any_known_key_is_read_or_refused()
    {
        string[] values = ["null", "true", "false", "-1", "0", "1", "2", "31", "32", "1e9", "2147483647", "2147483648", "9223372036854775808",
            "1e308", "1e-308", "0.5", "-0.0", "\"\"", "\"\\ud800\"", "[]", "{}", "[null]", "[[]]", "{\"factor\":1e30}", "{\"truncate\":null}"];
        using var document = JsonDocument.Parse(HuggingFace);
        string[] keys =
        [
            .. document.RootElement.EnumerateObject().Select(property => property.Name),
            .. document.RootElement.GetProperty("rope_scaling").EnumerateObject().Select(property => "rope_scaling." + property.Name),
            "rope_parameters", "swiglu_alpha", "rope_scaling.mscale", "rope_scaling.type",
        ];
        foreach (string key in keys)
        {
            foreach (string value in values)
            {
                string marked = Changed(HuggingFace, config => Set(config, key, "\"@\""));
                Attempt(Encoding.UTF8.GetBytes(marked.Replace("\"@\"", value, StringComparison.Ordinal)));
            }
        }
    }

    /// <summary>Anything but a configuration or a refusal fails the test; a configuration that was read has a countable size.</summary>
    private static void Attempt(byte[] json)
    {
        try
        {
            GptOssConfig config = ConfigReader.Parse(json, "config.json");
            Assert.InRange(ParameterCount.From(config).Total, 1, long.MaxValue);
            Assert.All(Enumerable.Range(0, config.NumHiddenLayers), layer => Assert.InRange(config.WindowOf(layer) ?? 1, 1, int.MaxValue));
        }
        catch (CheckpointFormatException e)
        {
            Assert.InRange(e.Message.Length, 1, 1000);
        }
    }

    private static string Changed(string json, Action<JsonObject> change)
    {
        JsonObject config = JsonNode.Parse(json)!.AsObject();
        change(config);
        return config.ToJsonString();
    }

    private static void Set(JsonObject config, string key, string value)
    {
        string[] path = key.Split('.');
        JsonObject target = path.Length == 2 ? config[path[0]]!.AsObject() : config;
        using var document = JsonDocument.Parse(value);
        target[path[^1]] = JsonNode.Parse(document.RootElement.GetRawText());
    }
}
