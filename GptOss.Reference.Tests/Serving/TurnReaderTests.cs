using System.Text;
using GptOss.Cli.Options;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Serving;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Serving;

public sealed class TurnReaderTests
{
    private static readonly Tokenizer Tokenizer = Tokenizer.ForCheckpoint(TestData.Tiny);

    [Fact]
    public void A_turn_is_told_as_begin_text_end_of_each_message()
    {
        const string turn = "<|channel|>analysis<|message|>Think.<|end|><|start|>assistant<|channel|>final<|message|>Oslo.<|return|>";
        Assert.Equal(
            ["begin Analysis", "text Analysis Think.", "end Analysis Think. whole", "begin Answer", "text Answer Oslo.", "end Answer Oslo. whole"],
            Told(turn));
    }

    [Fact]
    public void A_call_begins_with_its_recipient_as_soon_as_its_header_is_complete()
    {
        const string turn = "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{\"a\":1}<|call|>";
        Assert.Equal(["begin Call functions.get_weather", "text Call {\"a\":1}", "end Call {\"a\":1} whole"], Told(turn));
    }

    [Fact]
    public void Commentary_to_no_one_is_a_preamble()
    {
        Assert.Equal("begin Preamble", Told("<|channel|>commentary<|message|>One moment.<|end|>")[0]);
    }

    [Fact]
    public void A_budget_that_ends_inside_a_message_leaves_it_cut()
    {
        Assert.Equal("end Answer Os cut", Told("<|channel|>final<|message|>Os")[^1]);
    }

    [Fact]
    public void Nothing_but_a_header_is_no_message()
    {
        Assert.Empty(Told("<|channel|>analysis"));
    }

    [Theory]
    [InlineData("Oslo is the capital. STOP here", "STOP", "Oslo is the capital. ")]
    [InlineData("one two", "e t", "on")]
    [InlineData("aab", "ab", "a")]
    public void A_stop_text_ends_the_answer_before_it(string answer, string stop, string expected)
    {
        var reader = new TurnReader(Tokenizer, [stop]);
        string text = Text(reader, $"<|channel|>final<|message|>{answer}<|return|>", MessageKind.Answer);
        Assert.Equal(expected, text);
        Assert.True(reader.HasStopped);
    }

    [Fact]
    public void A_stop_text_in_reasoning_or_arguments_is_not_searched_for()
    {
        var reader = new TurnReader(Tokenizer, ["STOP"]);
        string reasoning = Text(reader, "<|channel|>analysis<|message|>STOP it<|end|><|start|>assistant<|channel|>final<|message|>Fine<|return|>",
            MessageKind.Analysis);
        Assert.Equal("STOP it", reasoning);
        Assert.False(reader.HasStopped);
    }

    [Fact]
    public void The_beginning_of_a_stop_text_comes_out_when_it_turns_out_to_be_text()
    {
        Assert.Equal("a ST", Text(new TurnReader(Tokenizer, ["STOP"]), "<|channel|>final<|message|>a ST<|return|>", MessageKind.Answer));
    }

    [Fact]
    public void Log_probabilities_come_with_the_text_of_their_tokens_and_cover_its_bytes()
    {
        const string answer = "Größe 🐔 ok";
        var reader = new TurnReader(Tokenizer, ["zzz"]);
        var bytes = new List<byte>();
        var text = new StringBuilder();
        foreach (int id in Tokenizer.EncodeWithSpecials(
            $"<|channel|>analysis<|message|>x<|end|><|start|>assistant<|channel|>final<|message|>{answer}<|return|>"))
        {
            Collect(reader.Append(id, new LogProbabilities(new TokenLogProbability(id, -1), [])));
        }
        Collect(reader.End());
        Assert.Equal(answer, text.ToString());
        Assert.Equal(Encoding.UTF8.GetBytes(answer), bytes);

        void Collect(IReadOnlyList<TurnEvent> events)
        {
            foreach (MessageText piece in events.OfType<MessageText>())
            {
                if (piece.Kind == MessageKind.Analysis)
                    Assert.Empty(piece.LogProbabilities);
                foreach (LogProbabilities entry in piece.LogProbabilities)
                    bytes.AddRange(Tokenizer.TokenBytes(entry.Chosen.Id).ToArray());
                if (piece.Kind == MessageKind.Answer)
                    text.Append(piece.Text);
            }
        }
    }

    [Fact]
    public void Reasoning_tokens_are_those_of_the_text_only()
    {
        var reader = new TurnReader(Tokenizer, []);
        int[] thought = Tokenizer.Encode("A short thought about it.");
        foreach (int id in Tokenizer.EncodeWithSpecials(
            "<|channel|>analysis<|message|>A short thought about it.<|end|><|start|>assistant<|channel|>final<|message|>Yes."))
        {
            reader.Append(id);
        }
        Assert.Equal(thought.Length, reader.ReasoningTokens);
    }

    [Fact]
    public void A_token_that_ends_one_message_and_begins_the_next_keeps_their_order() => Assert.Equal(
        ["begin Answer", "text Answer Hello there", "end Answer Hello there whole", "begin Answer", "text Answer ok", "end Answer ok whole"],
        Told("Hello there<|message|>ok<|end|>"));

    private static List<string> Told(string turn)
    {
        var reader = new TurnReader(Tokenizer, []);
        var told = new List<string>();
        foreach (int id in Tokenizer.EncodeWithSpecials(turn))
            Tell(reader.Append(id));
        Tell(reader.End());
        return told;

        void Tell(IReadOnlyList<TurnEvent> events)
        {
            foreach (TurnEvent happened in events)
            {
                string prefix = $"text {happened.Kind} ";
                if (happened is MessageText text && told is [.., var last] && last.StartsWith(prefix, StringComparison.Ordinal))
                {
                    told[^1] = last + text.Text;
                }
                else
                {
                    told.Add(happened switch
                {
                    MessageBegun begun => $"begin {begun.Kind} {begun.Recipient}".TrimEnd(),
                    MessageText one => prefix + one.Text,
                    MessageEnded ended => $"end {ended.Kind} {ended.Message.Text} {(ended.IsWhole ? "whole" : "cut")}",
                    _ => "?",
                });
                }
            }
        }
    }

    [Theory]
    [InlineData("user", MessageKind.Answer)]
    [InlineData("all", MessageKind.Answer)]
    [InlineData("assistant", MessageKind.Answer)]
    [InlineData("functions.user", MessageKind.Call)]
    [InlineData("python", MessageKind.Call)]
    public void A_message_to_the_user_or_to_everyone_is_no_call(string recipient, MessageKind kind)
    {
        var reader = new TurnReader(Tokenizer, []);
        List<TurnEvent> events = [];
        foreach (int id in Tokenizer.EncodeWithSpecials($"<|channel|>final to={recipient}<|message|>Yes.<|return|>"))
            events.AddRange(reader.Append(id));
        Assert.Equal([kind, kind], events.Where(one => one is MessageBegun or MessageEnded).Select(one => one.Kind));
        Assert.Equal(kind == MessageKind.Call ? recipient : null, events.OfType<MessageBegun>().Single().Recipient);
        Assert.Equal(kind, MessageKinds.Of(events.OfType<MessageEnded>().Single().Message));
    }

    private static string Text(TurnReader reader, string turn, MessageKind kind)
    {
        var text = new StringBuilder();
        foreach (int id in Tokenizer.EncodeWithSpecials(turn))
            Take(reader.Append(id));
        Take(reader.End());
        return text.ToString();

        void Take(IReadOnlyList<TurnEvent> events)
        {
            foreach (MessageText piece in events.OfType<MessageText>().Where(piece => piece.Kind == kind))
                text.Append(piece.Text);
        }
    }
}
