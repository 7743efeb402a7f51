using System.Globalization;
using System.Text.Json.Nodes;
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
            ["pre_tokenizer"] = new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = PieceSplitter.Pattern }, ["behavior"] = "Isolated" },
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocab, ["merges"] = new JsonArray("a b") },
        };
    }

    private Tokenizer Load(string json)
    {
        File.WriteAllText(_path, json);
        return Tokenizer.FromJson(_path);
    }

    private void Refused(string json, string sentence)
    {
        var error = Assert.Throws<TokenizerFormatException>(() => Load(json));
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
    public void Two_values() => Refused(Good().ToJsonString() + "1", "expected JSON, found something else at line 1, byte " + Good().ToJsonString().Length + ".");

    [Fact]
    public void Deeply_nested() => Refused(new string('[', 100), "the file: expected an object, found an array.");

    [Fact]
    public void Not_an_object() => Refused("[]", "the file: expected an object, found an array.");

    [Fact]
    public void No_model() => Refused("{}", "expected model.vocab, found none.");

    [Fact]
    public void No_vocabulary() => Refused("{\"model\":{}}", "expected model.vocab, found none.");

    [Fact]
    public void A_model_that_is_a_list() => Refused("{\"model\":[]}", "model: expected an object, found an array.");

    [Fact]
    public void A_property_twice() => Refused("{\"model\":{},\"model\":{}}", "expected one 'model', found two.");

    [Fact]
    public void Another_model() => Refused(file => file["model"]!["type"] = "Unigram", "model.type is 'Unigram'; expected 'BPE'.");

    [Fact]
    public void A_vocabulary_that_is_a_list() => Refused(file => file["model"]!["vocab"] = new JsonArray(), "model.vocab: expected an object, found an array.");

    [Fact]
    public void An_empty_vocabulary() =>
        Refused(file => file["model"]!["vocab"] = new JsonObject(), "model.vocab has no token for the single byte 0x00; expected all 256.");

    [Fact]
    public void An_id_that_is_text() => Refused(file => Vocab(file)["ab"] = "256", "model.vocab['ab']: expected an id of 0 to 2147483647, found a string.");

    [Theory]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("4294967296")]
    [InlineData("1e400")]
    public void An_id_out_of_range(string id) =>
        Refused(Good().ToJsonString().Replace("256", id, StringComparison.Ordinal), $"model.vocab['ab']: expected an id of 0 to 2147483647, found '{id}'.");

    [Fact]
    public void An_id_twice() => Refused(file => Vocab(file)["ab"] = 98, "model.vocab gives id 98 to 'b' and 'ab'; expected one.");

    [Fact]
    public void A_gap() => Refused(
        file => Vocab(file)["ab"] = 300, "model.vocab has 257 tokens, so ids 0 to 256 are expected; id 256 is missing and 300 is there.");

    [Fact]
    public void A_huge_id() => Refused(
        file => Vocab(file)["ab"] = int.MaxValue, "model.vocab has 257 tokens, so ids 0 to 256 are expected; id 256 is missing and 2147483647 is there.");

    [Fact]
    public void The_same_token_twice() => Refused(
        Good().ToJsonString().Replace("\"ab\":256", "\"ab\":256,\"a\\u0062\":257", StringComparison.Ordinal).Replace("\"id\":257", "\"id\":258", StringComparison.Ordinal),
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
        Good().ToJsonString().Replace("\"ab\"", "\"\\ud800\"", StringComparison.Ordinal), "expected text in every string, found one that is not valid Unicode.");

    [Fact]
    public void A_merge_of_nothing_known() => Refused(
        file => file["model"]!["merges"] = new JsonArray("b a"), "model.merges[0] makes a token that model.vocab does not have.");

    [Fact]
    public void A_merge_without_a_space() => Refused(
        file => file["model"]!["merges"] = new JsonArray("ab"), "model.merges[0] is 'ab'; expected two tokens with a space between.");

    [Fact]
    public void A_merge_of_three() => Refused(
        file => file["model"]!["merges"] = new JsonArray(new JsonArray("a", "b", "c")), "model.merges: expected two strings in each pair, found a string.");

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
    public void An_added_token_without_a_name() => Refused(file => file["added_tokens"]![0]!.AsObject().Remove("content"), "added_tokens[0] has no content.");

    [Fact]
    public void An_added_token_with_an_empty_name() => Refused(
        file => file["added_tokens"]![0]!["content"] = "", "added_tokens[0].content has 0 characters; expected 1 to 128.");

    [Fact]
    public void An_added_token_that_is_text() => Refused(
        file => file["added_tokens"] = new JsonArray("x"), "added_tokens[0]: expected an object, found a string.");

    [Fact]
    public void A_normalizer() => Refused(
        file => file["normalizer"] = new JsonObject { ["type"] = "NFC" }, "expected no normalizer, found one, which would change text before it is encoded.");

    [Fact]
    public void Another_pattern() => Refused(
        file => file["pre_tokenizer"]!["pattern"]!["Regex"] = "\\s+", "pre_tokenizer splits by '\\s+'; expected the pattern of o200k_base.");

    [Fact]
    public void No_pattern() => Refused(
        file => file["pre_tokenizer"] = new JsonObject { ["type"] = "Whitespace" }, "pre_tokenizer has no pattern to split by; expected that of o200k_base.");

    [Fact]
    public void A_second_split() => Refused(
        file => file["pre_tokenizer"]!["use_regex"] = true, "pre_tokenizer has use_regex true; expected false.");

    [Fact]
    public void A_file_of_more_than_256_MiB()
    {
        using (FileStream file = File.OpenWrite(_path)) file.SetLength((256L << 20) + 1);
        var error = Assert.Throws<TokenizerFormatException>(() => Tokenizer.FromJson(_path));
        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"{_path}: a tokenizer.json is at most 268435456 bytes; this file has 268435457."), error.Message);
    }
}
