using System.Globalization;
using System.Text.Json.Nodes;
using GptOss.Cli.Options;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Tokens;

/// <summary>Tokenizer files that break one rule each, and the sentence that says so.</summary>
public sealed class TokenizerJsonTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    // The smallest good file: 256 bytes, one merge, one special token. ids: bytes in spelling order, 'ab' = 256, '<|end|>' = 257.
    private static JsonObject Good()
    {
        var vocab = new JsonObject();
        for (int b = 0, other = 0x100; b < 256; b++)
            vocab[((char)(b is >= 0x21 and <= 0x7E or >= 0xA1 and <= 0xAC or >= 0xAE ? b : other++)).ToString()] = b;
        vocab["ab"] = 256;
        return new JsonObject
        {
            ["added_tokens"] = new JsonArray(new JsonObject { ["id"] = 257, ["content"] = "<|end|>", ["special"] = true }),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(
                    new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = PieceSplitter.Pattern },
                        ["behavior"] = "Isolated" },
                    new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = false }),
            },
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocab, ["merges"] = new JsonArray("a b") },
        };
    }

    [Fact]
    public void A_link_counts_as_long_as_what_it_leads_to_and_a_device_is_empty()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Making links needs a privilege there.");
        using (FileStream file = File.OpenWrite(_path))
            file.SetLength((256L << 20) + 1);
        string link = _path + ".link";
        try
        {
            File.CreateSymbolicLink(link, _path);
            Assert.Contains("at most 268435456 bytes", Assert.Throws<TokenizerFormatException>(() => Tokenizer.FromJson(link)).Message,
                StringComparison.Ordinal);
            File.Delete(link);
            File.CreateSymbolicLink(link, "/dev/zero");
            Assert.Throws<TokenizerFormatException>(() => Tokenizer.FromJson(link));
        }
        finally
        {
            File.Delete(link);
        }
    }

    private Tokenizer Load(string json)
    {
        File.WriteAllText(_path, json);
        return Tokenizer.FromJson(_path);
    }

    private void Refused(string json, string sentence)
    {
        TokenizerFormatException error = Assert.Throws<TokenizerFormatException>(() => Load(json));
        Assert.Equal($"{_path}: {sentence}", error.Message);
    }

    private void Refused(Action<JsonObject> change, string sentence)
    {
        JsonObject file = Good();
        change(file);
        Refused(file.ToJsonString(), sentence);
    }

    private static JsonObject Vocab(JsonObject file) => file["model"]!["vocab"]!.AsObject();

    [Fact]
    public void A_good_file_is_read_with_merges_of_either_form()
    {
        foreach (JsonNode merge in new JsonNode[] { "a b", new JsonArray("a", "b") })
        {
            JsonObject file = Good();
            file["model"]!["merges"] = new JsonArray(merge);
            Tokenizer tokenizer = Load(file.ToJsonString());
            Assert.Equal(258, tokenizer.Count);
            Assert.Equal([0x20, 256, 257], tokenizer.EncodeWithSpecials(" ab<|end|>"));
            Assert.Equal(" ab<|end|>", tokenizer.Decode([0x20, 256, 257]));
        }
    }

    [Fact]
    public void A_special_token_may_stand_in_the_vocabulary_too()
    {
        JsonObject file = Good();
        Vocab(file)["<|end|>"] = 257;
        Assert.Equal([257], Load(file.ToJsonString()).EncodeWithSpecials("<|end|>"));
    }

    [Fact]
    public void A_byte_order_mark_is_no_part_of_the_file() => Assert.Equal(258, Load("\uFEFF" + Good().ToJsonString()).Count);

    [Fact]
    public void Not_json() => Refused("{\"model\": {\n]", "expected JSON, found something else at line 2, byte 0.");

    [Fact]
    public void Cut_short() => Refused("{\"model\":", "expected JSON, found something else at line 1, byte 9.");

    [Fact]
    public void Empty() => Refused("", "expected JSON, found something else at line 1, byte 0.");

    [Fact]
    public void Two_values() =>
    Refused(Good().ToJsonString() + "1", "expected JSON, found something else at line 1, byte " + Good().ToJsonString().Length + ".");

    [Fact]
    public void Deeply_nested() => Refused(new string('[', 100), "the file: expected an object, found a list.");

    [Fact]
    public void Not_an_object() => Refused("[]", "the file: expected an object, found a list.");

    [Fact]
    public void No_model() => Refused("{}", "expected model.vocab, found none.");

    [Fact]
    public void No_vocabulary() => Refused("{\"model\":{}}", "expected model.vocab, found none.");

    [Fact]
    public void A_model_that_is_a_list() => Refused("{\"model\":[]}", "model: expected an object, found a list.");

    [Fact]
    public void A_property_twice() => Refused("{\"model\":{},\"model\":{}}", "expected one 'model', found two.");

    [Fact]
    public void Another_model() => Refused(file => file["model"]!["type"] = "Unigram", "model.type is 'Unigram'; expected 'BPE'.");

    [Fact]
    public void A_vocabulary_that_is_a_list() =>
    Refused(file => file["model"]!["vocab"] = new JsonArray(), "model.vocab: expected an object, found a list.");

    [Fact]
    public void An_empty_vocabulary() =>
        Refused(file => file["model"]!["vocab"] = new JsonObject(), "model.vocab has no token for the single byte 0x00; expected all 256.");

    [Fact]
    public void An_id_that_is_text() =>
    Refused(file => Vocab(file)["ab"] = "256", "model.vocab['ab']: expected an id of 0 to 2147483647, found a string.");

    [Theory]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("4294967296")]
    [InlineData("1e400")]
    public void An_id_out_of_range(string id) =>
        Refused(Good().ToJsonString().Replace("256", id, StringComparison.Ordinal),
            $"model.vocab['ab']: expected an id of 0 to 2147483647, found '{id}'.");

    [Fact]
    public void An_id_twice() => Refused(file => Vocab(file)["ab"] = 98, "model.vocab gives id 98 to 'b' and 'ab'; expected one.");

    [Fact]
    public void A_gap() => Refused(
        file => Vocab(file)["ab"] = 300, "model.vocab has 257 tokens, so ids 0 to 256 are expected; id 256 is missing and 300 is there.");

    [Fact]
    public void A_huge_id() => Refused(
        file => Vocab(file)["ab"] = int.MaxValue,
        "model.vocab has 257 tokens, so ids 0 to 256 are expected; id 256 is missing and 2147483647 is there.");

    [Fact]
    public void The_same_token_twice() => Refused(
        Good().ToJsonString().Replace("\"ab\":256", "\"ab\":256,\"a\\u0062\":257", StringComparison.Ordinal)
            .Replace("\"id\":257", "\"id\":258", StringComparison.Ordinal),
        "model.vocab gives 'ab' ids 256 and 257; expected one.");

    [Fact]
    public void A_missing_byte() => Refused(
        file =>
        {
            Vocab(file).Remove("b");
            Vocab(file)["ab"] = 98;
            file["model"]!["merges"] = new JsonArray();
        },
        "model.vocab has no token for the single byte 0x62; expected all 256.");

    [Fact]
    public void A_character_that_stands_for_no_byte() => Refused(
        file => Vocab(file)["a b"] = 257, "model.vocab spells a token 'a b'; expected only the 256 characters that stand for bytes.");

    [Fact]
    public void A_character_beyond_the_alphabet() => Refused(
        file => Vocab(file)["\u0144日"] = 257, "model.vocab spells a token '\u0144日'; expected only the 256 characters that stand for bytes.");

    [Fact]
    public void An_empty_token() => Refused(file => Vocab(file)[""] = 257, "model.vocab has an empty token.");

    [Fact]
    public void A_token_of_a_megabyte() => Refused(
        file => Vocab(file)[new string('a', 1 << 20)] = 257, "model.vocab spells a token with 1048576 bytes; expected at most 6144.");

    [Fact]
    public void A_token_of_two_kilobytes() => Refused(
        file => Vocab(file)[new string('a', 2048)] = 257, "model.vocab has a token of 2048 bytes; expected at most 1024.");

    [Fact]
    public void An_unpaired_surrogate() => Refused(
        Good().ToJsonString().Replace("\"ab\"", "\"\\ud800\"", StringComparison.Ordinal),
        "expected text in every string, found one that is not valid Unicode.");

    [Fact]
    public void A_merge_of_nothing_known() => Refused(
        file => file["model"]!["merges"] = new JsonArray("b a"), "model.merges[0] makes a token that model.vocab does not have.");

    [Fact]
    public void A_merge_without_a_space() => Refused(
        file => file["model"]!["merges"] = new JsonArray("ab"), "model.merges[0] is 'ab'; expected two tokens with a space between.");

    [Fact]
    public void A_merge_of_three() => Refused(
        file => file["model"]!["merges"] = new JsonArray(new JsonArray("a", "b", "c")),
        "model.merges: expected two strings in each pair, found a string.");

    [Fact]
    public void A_merge_that_is_a_number() => Refused(
        file => file["model"]!["merges"] = new JsonArray(7), "model.merges: expected strings or pairs, found a number.");

    [Fact]
    public void Merges_out_of_rank_order() => Refused(
        file =>
        {
            Vocab(file)["cd"] = 257;
            file["added_tokens"]![0]!["id"] = 258;
            file["model"]!["merges"] = new JsonArray("c d", "a b");
        },
        "model.merges[1] makes id 256 after a merge that made id 257; expected ids in the order of merging.");

    [Fact]
    public void An_added_id_that_is_a_rank() => Refused(
        file => file["added_tokens"]![0]!["id"] = 5, "added token '<|end|>' has id 5, which is a merge rank; expected ids from 257 on.");

    [Fact]
    public void A_gap_before_an_added_id() => Refused(
        file => file["added_tokens"]![0]!["id"] = 259, "added_tokens has 1 tokens, so ids 257 to 257 are expected; '<|end|>' has id 259.");

    [Fact]
    public void An_added_id_twice() => Refused(
        file => file["added_tokens"]!.AsArray().Add(new JsonObject { ["id"] = 257, ["content"] = "x\n" }),
        "added_tokens gives id 257 to '<|end|>' and 'x\\u000A'; expected one.");

    [Fact]
    public void An_added_name_twice() => Refused(
        file => file["added_tokens"]!.AsArray().Add(new JsonObject { ["id"] = 258, ["content"] = "<|end|>" }),
        "added_tokens gives '<|end|>' ids 257 and 258; expected one.");

    [Fact]
    public void An_added_token_without_a_name() =>
    Refused(file => file["added_tokens"]![0]!.AsObject().Remove("content"), "added_tokens[0] has no content.");

    [Fact]
    public void An_added_token_with_an_empty_name() => Refused(
        file => file["added_tokens"]![0]!["content"] = "", "added_tokens[0].content has 0 characters; expected 1 to 128.");

    [Fact]
    public void An_added_token_that_is_text() => Refused(
        file => file["added_tokens"] = new JsonArray("x"), "added_tokens[0]: expected an object, found a string.");

    private static JsonArray Steps(JsonObject file) => file["pre_tokenizer"]!["pretokenizers"]!.AsArray();

    // What would give other ids, or could: each with the place it is at.
    [Theory]
    [InlineData("normalizer", """{"type":"NFC"}""", "normalizer.type is 'NFC'; the published tokenizer has no such setting, so it could change ids.")]
    [InlineData("pre_tokenizer", """{"type":"Whitespace"}""", "pre_tokenizer.type is 'Whitespace'; expected 'Sequence'.")]
    [InlineData("pre_tokenizer", "null", "pre_tokenizer is null; the published tokenizer has no such setting, so it could change ids.")]
    [InlineData("pre_tokenizer", "7", "pre_tokenizer is 7; the published tokenizer has no such setting, so it could change ids.")]
    [InlineData("pre_tokenizer.use_regex", "true",
        "pre_tokenizer.use_regex is true; the published tokenizer has no such setting, so it could change ids.")]
    [InlineData("split.pattern", """{"Regex":"\\s+"}""",
        "pre_tokenizer.pretokenizers[0].pattern.Regex is '\\s+'; expected the pattern of o200k_base.")]
    [InlineData("split.pattern", """{"String":"a"}""",
        "pre_tokenizer.pretokenizers[0].pattern.String is 'a'; the published tokenizer has no such setting, so it could change ids.")]
    [InlineData("split.behavior", "\"Removed\"", "pre_tokenizer.pretokenizers[0].behavior is 'Removed'; expected 'Isolated'.")]
    [InlineData("split.invert", "true", "pre_tokenizer.pretokenizers[0].invert is true; expected false.")]
    [InlineData("split.type", "\"Digits\"", "pre_tokenizer.pretokenizers[0].type is 'Digits'; expected 'Split'.")]
    [InlineData("bytes.add_prefix_space", "true", "pre_tokenizer.pretokenizers[1].add_prefix_space is true; expected false.")]
    [InlineData("bytes.use_regex", "true", "pre_tokenizer.pretokenizers[1].use_regex is true; expected false.")]
    [InlineData("bytes.type", "\"Metaspace\"", "pre_tokenizer.pretokenizers[1].type is 'Metaspace'; expected 'ByteLevel'.")]
    [InlineData("model.dropout", "0.1", "model.dropout is 0.1; expected null.")]
    [InlineData("model.unk_token", "\"<unk>\"", "model.unk_token is '<unk>'; expected null.")]
    [InlineData("model.continuing_subword_prefix", "\"##\"", "model.continuing_subword_prefix is '##'; expected null or ''.")]
    [InlineData("model.end_of_word_suffix", "\"</w>\"", "model.end_of_word_suffix is '</w>'; expected null or ''.")]
    [InlineData("model.byte_fallback", "true", "model.byte_fallback is true; expected false.")]
    [InlineData("model.ignore_merges", "1", "model.ignore_merges is 1; expected true or false.")]
    [InlineData("model.lowercase", "true", "model.lowercase is true; the published tokenizer has no such setting, so it could change ids.")]
    [InlineData("post_processor", """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}}]}""",
        "post_processor.type is 'TemplateProcessing'; expected 'ByteLevel'.")]
    [InlineData("decoder", """{"type":"Metaspace"}""", "decoder.type is 'Metaspace'; expected 'ByteLevel'.")]
    [InlineData("added.lstrip", "true", "added_tokens[0].lstrip is not false, so the text around the token could get other ids; expected false.")]
    [InlineData("added.rstrip", "true", "added_tokens[0].rstrip is not false, so the text around the token could get other ids; expected false.")]
    [InlineData("added.single_word", "1",
        "added_tokens[0].single_word is not false, so the text around the token could get other ids; expected false.")]
    [InlineData("templates\u001b[2J", "[]", "templates\\u001B[2J is []; the published tokenizer has no such setting, so it could change ids.")]
    public void A_setting_that_the_published_file_does_not_have_is_refused_by_name(string place, string value, string sentence) => Refused(file =>
    {
        string[] names = place.Split('.');
        JsonNode parent = names.Length == 1 ? file : names[0] switch
        {
            "split" => Steps(file)[0]!,
            "bytes" => Steps(file)[1]!,
            "added" => file["added_tokens"]![0]!,
            string section => file[section]!,
        };
        parent[names[^1]] = JsonNode.Parse(value);
    }, sentence);

    [Theory]
    [InlineData("""{"type":"Split","pattern":{"String":" "},"behavior":"Isolated","invert":false}""", "'Split'")]
    [InlineData("""{"type":"Digits","individual_digits":true}""", "'Digits'")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}""", "'Metaspace'")]
    public void A_further_step_is_refused_wherever_it_stands(string step, string type)
    {
        for (int at = 0; at <= 2; at++)
        {
            JsonObject file = Good();
            Steps(file).Insert(at, JsonNode.Parse(step));
            string message = Assert.Throws<TokenizerFormatException>(() => Load(file.ToJsonString())).Message;
            Assert.StartsWith($"{_path}: pre_tokenizer.pretokenizers[{(at == 1 || (at == 0 && type == "'Split'") ? 1 : at)}].type is ", message,
                StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("pre_tokenizer", "expected pre_tokenizer.type to be 'Sequence', found none.")]
    [InlineData("use_regex", "expected pre_tokenizer.pretokenizers[1].use_regex to be false, found none.")]
    [InlineData("behavior", "expected pre_tokenizer.pretokenizers[0].behavior to be 'Isolated', found none.")]
    [InlineData("ByteLevel", "expected pre_tokenizer.pretokenizers[1].type to be 'ByteLevel', found none.")]
    public void A_setting_whose_absence_means_another_tokenizer_is_missed(string what, string sentence) => Refused(file =>
    {
        _ = what switch
        {
            "pre_tokenizer" => file.Remove(what),
            "use_regex" => Steps(file)[1]!.AsObject().Remove(what),
            "behavior" => Steps(file)[0]!.AsObject().Remove(what),
            _ => Steps(file).Remove(Steps(file)[1]),
        };
    }, sentence);

    [Fact]
    public void Settings_without_end_are_refused_before_they_are_understood() => Refused(
        file => file["pre_tokenizer"]!["pretokenizers"] = new JsonArray([.. Enumerable.Range(0, 10_000).Select(i => (JsonNode)i)]),
        "pre_tokenizer is too large for a tokenizer's settings.");

    [Fact]
    public void The_published_settings_are_accepted_in_full()
    {
        JsonObject file = Good();
        foreach (string name in new[] { "version", "truncation", "padding" })
            file[name] = name == "version" ? "1.0" : JsonNode.Parse("""{"max_length":512}""");
        file["post_processor"] = JsonNode.Parse("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true}""");
        file["decoder"] = JsonNode.Parse("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""");
        Steps(file)[0]!["invert"] = false;
        Steps(file)[1]!["trim_offsets"] = true;
        foreach (string name in new[] { "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix" })
            file["model"]![name] = null;
        foreach (string name in new[] { "fuse_unk", "byte_fallback", "ignore_merges" })
            file["model"]![name] = false;
        Assert.Equal([0x20, 256, 257], Load(file.ToJsonString()).EncodeWithSpecials(" ab<|end|>"));
    }

    [Fact]
    public void A_file_of_more_than_256_MiB()
    {
        using (FileStream file = File.OpenWrite(_path))
            file.SetLength((256L << 20) + 1);
        TokenizerFormatException error = Assert.Throws<TokenizerFormatException>(() => Tokenizer.FromJson(_path));
        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"{_path}: a tokenizer.json is at most 268435456 bytes; this file has 268435457."),
            error.Message);
    }
}
