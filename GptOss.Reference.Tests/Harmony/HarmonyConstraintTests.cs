using GptOss.Reference.Generation;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Harmony;

public class HarmonyConstraintTests
{
    private static readonly Tokenizer O200k = Tokenizer.O200kHarmony;

    private static readonly JsonSchema City = JsonSchema.Compile(
        """{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}""");

    private static readonly HarmonyRules Free = new();
    private static readonly HarmonyRules Answer = new() { Answer = City };
    private static readonly HarmonyRules Auto = new() { Calls = [new("functions.weather", City), new("functions.note")] };
    private static readonly HarmonyRules Required = Auto with { MayAnswer = false };
    private static readonly HarmonyRules BuiltIn = new() { Calls = [new("python") { IsBuiltIn = true }], Answer = City };

    private const string Thought = "<|channel|>analysis<|message|>Hm, <b> \u0001 {\"x\".<|end|><|start|>assistant";

    public static TheoryData<string, string> Whole => new()
    {
        { nameof(Free), "<|channel|>final<|message|>Hello.<|return|>" },
        { nameof(Free), Thought + Thought + "<|channel|>final<|message|><|return|>" },
        { nameof(Answer), Thought + "<|channel|>final<|message|>{\"city\": \"Oslo\"}<|return|>" },
        { nameof(Answer), "<|channel|>final <|constrain|>json<|message|>{\n  \"city\": \"Oslo\"\n}<|return|>" },
        { nameof(Auto), Thought + "<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{\"city\":\"Paris\"}<|call|>" },
        { nameof(Auto), Thought + " to=functions.weather<|channel|>commentary <|constrain|>json<|message|>{\"city\":\"Paris\"}<|call|>" },
        { nameof(Auto), "<|channel|>commentary to=functions.weather json<|message|>{\"city\":\"Paris\"}<|call|>" },
        { nameof(Auto), "<|channel|>commentary to=functions.weather<|message|>{\"city\":\"Paris\"}<|call|>" },
        { nameof(Auto), "<|channel|>commentary to=functions.note<|message|>*** any text ***<|call|>" },
        { nameof(Auto), "<|channel|>commentary<|message|>Let me look.<|end|><|start|>assistant<|channel|>commentary " +
            "to=functions.note<|message|>x<|call|>" },
        { nameof(Auto), "<|channel|>final<|message|>No.<|return|>" },
        { nameof(Required), Thought + "<|channel|>commentary to=functions.weather<|message|>{\"city\":\"\"}<|call|>" },
        { nameof(BuiltIn), "<|channel|>analysis to=python code<|message|>print(1)<|call|>" },
        { nameof(BuiltIn), "<|channel|>commentary to=python code<|message|>print(1)<|call|>" },
        { nameof(BuiltIn), Thought + "<|channel|>final<|message|>{\"city\":\"\"}<|return|>" },
    };

    public static TheoryData<string, string, string> Broken => new()
    {
        { nameof(Free), "<|channel|>final<|message|>Hello.", "<|end|>" },
        { nameof(Free), "<|channel|>final<|message|>Hello.", "<|channel|>" },
        { nameof(Free), "<|channel|>", "commentary" },
        { nameof(Free), "", "Hello" },
        { nameof(Free), "", "<|message|>" },
        { nameof(Free), "<|channel|>analysis<|message|>Hm.", "<|return|>" },
        { nameof(Free), "<|channel|>analysis<|message|>Hm.", "<|call|>" },
        { nameof(Free), Thought, "<|start|>" },
        { nameof(Answer), "<|channel|>final<|message|>", "No" },
        { nameof(Answer), "<|channel|>final<|message|>{\"city\":\"Oslo\"", "<|return|>" },
        { nameof(Answer), "<|channel|>final<|message|>{\"city\":\"", "<|end|>" },
        { nameof(Answer), "<|channel|>final<|message|>{\"city\":\"Oslo\"}", " " },
        { nameof(Answer), "<|channel|>final<|message|>{\"city\":\"Oslo\"}", "<|end|>" },
        { nameof(Answer), "<|channel|>final ", "code" },
        { nameof(Auto), "<|channel|>commentary to=functions.", "other" },
        { nameof(Auto), "<|channel|>commentary to=functions.weather<|message|>{\"city\":\"", "<|call|>" },
        { nameof(Auto), "<|channel|>analysis", " to" },
        { nameof(Required), Thought + "<|channel|>", "final" },
        { nameof(Required), Thought, "<|return|>" },
        { nameof(BuiltIn), "<|channel|>commentary", "<|message|>" },
    };

    [Theory, MemberData(nameof(Whole))]
    public void A_turn_as_models_and_templates_write_it_is_accepted_to_its_end(string rules, string turn)
    {
        HarmonyConstraint constraint = Begin(rules);
        foreach (int id in O200k.EncodeWithSpecials(turn))
            Take(constraint, id);
        Assert.True(constraint.IsComplete);
        Assert.Empty(constraint.Forced());
        Assert.Empty(constraint.ShortestEnd());
        Assert.Throws<InvalidOperationException>(() => constraint.Accept(13));
    }

    [Theory, MemberData(nameof(Broken))]
    public void A_token_out_of_place_is_neither_in_the_mask_nor_accepted(string rules, string begun, string next)
    {
        HarmonyConstraint constraint = Begin(rules);
        foreach (int id in O200k.EncodeWithSpecials(begun))
            Take(constraint, id);
        int wrong = O200k.EncodeWithSpecials(next)[0];
        Assert.False(IsAllowed(constraint, wrong));
        Assert.Throws<ArgumentException>(() => constraint.Accept(wrong));
        foreach (int id in constraint.ShortestEnd())
            Take(constraint, id);
        Assert.True(constraint.IsComplete);
    }

    [Fact]
    public void A_control_token_that_is_spelled_out_is_text()
    {
        HarmonyConstraint constraint = Begin(nameof(Answer));
        foreach (int id in O200k.EncodeWithSpecials("<|channel|>final<|message|>"))
            Take(constraint, id);
        foreach (int id in O200k.Encode("{\"city\":\"<|end|><|return|>\"}"))
            Take(constraint, id);
        Take(constraint, O200k.SpecialId("<|return|>")!.Value);
        Assert.True(constraint.IsComplete);
    }

    [Fact]
    public void What_a_header_leaves_no_choice_about_is_forced()
    {
        HarmonyConstraint constraint = Begin(nameof(Answer));
        Assert.Equal("<|channel|>", O200k.Decode([.. constraint.Forced()]));
        Take(constraint, constraint.Forced()[0]);
        Assert.Empty(constraint.Forced());                                    // analysis or final
        Take(constraint, O200k.Encode("analysis")[0]);
        Assert.Equal("<|message|>", O200k.Decode([.. constraint.Forced()]));
        Take(constraint, constraint.Forced()[0]);
        Assert.Empty(constraint.Forced());
        Take(constraint, O200k.SpecialId("<|end|>")!.Value);
        Assert.Equal("<|start|>assistant<|channel|>", O200k.Decode([.. constraint.Forced()]));
    }

    [Fact]
    public void A_key_is_forced_up_to_where_what_follows_could_join_it()
    {
        HarmonyConstraint constraint = Begin(nameof(Answer));
        foreach (int id in O200k.EncodeWithSpecials("<|channel|>final<|message|>{\""))
            Take(constraint, id);
        Assert.Equal("city", O200k.Decode([.. constraint.Forced()]));
    }

    [Fact]
    public void A_fork_goes_on_by_itself()
    {
        HarmonyConstraint constraint = Begin(nameof(Answer));
        foreach (int id in O200k.EncodeWithSpecials("<|channel|>final<|message|>{\"ci"))
            Take(constraint, id);
        TokenConstraint fork = constraint.Fork();
        foreach (int id in fork.ShortestEnd())
            Take(fork, id);
        Assert.True(fork.IsComplete);
        Assert.False(constraint.IsComplete);
        foreach (int id in O200k.EncodeWithSpecials("ty\":\"Rome\"}<|return|>"))
            Take(constraint, id);
        Assert.True(constraint.IsComplete);
    }

    [Fact]
    public void Rules_that_allow_nothing_or_name_no_recipient_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new HarmonyConstraint(new() { MayAnswer = false }, O200k));
        Assert.Throws<ArgumentException>(() =>
            new HarmonyConstraint(new() { MayAnswer = false, Calls = [new("python") { IsBuiltIn = true }] }, O200k));
        foreach (string recipient in (string[])["", "a b", "x<|end|>", "a\n"])
            Assert.Throws<ArgumentException>(() => new HarmonyConstraint(new() { Calls = [new(recipient)] }, O200k));
        Assert.Throws<ArgumentException>(() => new HarmonyConstraint(new() { Calls = [new("a"), new("a")] }, O200k));
    }

    [Theory]
    [InlineData("What is the capital of Norway?")]
    [InlineData("Hello!")]
    public void The_toy_answers_in_the_schema_s_form(string question)
    {
        using var model = Transformer.Load(TestData.Tiny);
        var tokenizer = Tokenizer.ForCheckpoint(model.Checkpoint.Folder);
        var schema = JsonSchema.Compile(
            """{"type":"object","properties":{"country":{"type":"string","maxLength":20},""" +
            """ "count":{"type":"integer","minimum":0,"maximum":99}},"required":["country","count"],"additionalProperties":false}""");
        int[] prompt = PublishedPrompt.Build(tokenizer, question, date: new DateOnly(2026, 11, 24));
        foreach (double temperature in (double[])[0, 1])
        {
            GenerationResult answer = new Generator(model, tokenizer).Generate(prompt, new()
            {
                Sampling = new() { Temperature = temperature, Seed = 3 },
                StopTokens = StopTokens.For(model, tokenizer),
                MaxTokens = 400,
                Constraint = new HarmonyConstraint(new() { Answer = schema }, tokenizer),
            });
            Assert.Equal(FinishReason.Stop, answer.FinishReason);
            var json = System.Text.Json.JsonDocument.Parse(FinalChannel.Extract(tokenizer, [.. answer.Ids])!).RootElement;
            Assert.InRange(json.GetProperty("count").GetInt32(), 0, 99);
            Assert.InRange(json.GetProperty("country").GetString()!.Length, 0, 20);
        }
    }

    private static HarmonyConstraint Begin(string rules) => new(rules switch
    {
        nameof(Free) => Free,
        nameof(Answer) => Answer,
        nameof(Auto) => Auto,
        nameof(Required) => Required,
        _ => BuiltIn,
    }, O200k);

    private static void Take(TokenConstraint constraint, int id)
    {
        Assert.True(IsAllowed(constraint, id), $"{O200k.Decode([id])} is not in the mask.");
        constraint.Accept(id);
    }

    private static bool IsAllowed(TokenConstraint constraint, int id)
    {
        ulong[] mask = new ulong[TokenConstraint.MaskWords(O200k.Count)];
        Assert.True(constraint.Fill(mask));
        return (mask[id / 64] >> id & 1) != 0;
    }
}
