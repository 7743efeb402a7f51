using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Harmony;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Harmony;

/// <summary><c>gptoss harmony</c>: conversations as tokens and tokens as conversations, for people who debug their own port.</summary>
internal static class HarmonyCommand
{
    private enum Rendering
    {
        Completion,
        Conversation,
        Training,
    }

    private enum Speaker
    {
        Auto,
        None,
        User,
        Assistant,
        System,
        Developer,
        Tool,
    }

    internal static Command Create(Terminal terminal) => new("harmony", "Renders conversations to tokens and parses tokens to messages.")
    {
        Render(terminal), Message(terminal), Parse(terminal), Stream(terminal),
    };

    private static Command Render(Terminal terminal)
    {
        Common common = new("A conversation, {\"messages\": [...]}");
        Option<Rendering?> mode = Arguments.Word("--mode",
            "What the rendering is for: a completion ends with <|start|>assistant, training ends a last final message with <|return|>; "
                + "completion if not given.",
            ("completion", Rendering.Completion), ("conversation", Rendering.Conversation), ("training", Rendering.Training));
        Option<DroppedAnalysis?> drop = Arguments.Word("--drop",
            "Past analysis that is left out: as the published library does it, of all finished turns, or none; library if not given.",
            ("library", DroppedAnalysis.Library), ("finished", DroppedAnalysis.Finished), ("none", DroppedAnalysis.None));
        Option<bool> ids = IdsOption();
        return common.Command("render", "Renders a conversation.", terminal, [mode, drop, ids], lines => lines.Render, (parsed, tokenizer, text) =>
        {
            IReadOnlyList<Message> messages = MessageJson.ReadConversation(text);
            DroppedAnalysis dropped = parsed.GetValue(drop) ?? DroppedAnalysis.Library;
            var renderer = new HarmonyRenderer(tokenizer);
            Show(terminal, tokenizer, parsed.GetValue(ids), parsed.GetValue(mode) switch
            {
                Rendering.Conversation => renderer.RenderConversation(messages, dropped),
                Rendering.Training => renderer.RenderForTraining(messages, dropped),
                _ => renderer.RenderForCompletion(messages, drop: dropped),
            });
        });
    }

    private static Command Message(Terminal terminal)
    {
        Common common = new("A message, {\"role\": ..., \"content\": ...}");
        var functions = new Option<bool>("--functions") { Description = "The conversation around a system message offers functions." };
        Option<bool> ids = IdsOption();
        return common.Command("message", "Renders one message.", terminal, [functions, ids], lines => lines.Message, (parsed, tokenizer, text) =>
        {
            Message message = MessageJson.ReadConversation($"{{\"messages\":[{text}\n]}}") is [var only] ? only
                : throw new InputException("The input is more than one message; expected one JSON object.");
            Show(terminal, tokenizer, parsed.GetValue(ids), new HarmonyRenderer(tokenizer).Render(message, parsed.GetValue(functions)));
        });
    }

    private static Command Parse(Terminal terminal)
    {
        Common common = new("Text with special tokens by name, or ids with --ids");
        Option<ParsingMode?> mode = ModeOption();
        Option<Speaker?> role = RoleOption();
        Option<bool> ids = IdsInOption();
        return common.Command("parse", "Parses tokens to a conversation; says on standard error what it repaired.", terminal, [mode, role, ids],
            lines => lines.Parse, (parsed, tokenizer, text) =>
            {
                int[] tokens = Tokens(tokenizer, text, parsed.GetValue(ids));
                var parser = HarmonyParser.Parse(tokenizer, tokens, RoleOf(parsed.GetValue(role), tokenizer, tokens), ModeOf(parsed.GetValue(mode)));
                terminal.Out.WriteLine(MessageJson.Text(parser.Messages));
                foreach (Repair repair in parser.Repairs)
                {
                    string kind = JsonNamingPolicy.KebabCaseLower.ConvertName(repair.Kind.ToString());
                    string what = repair.Text.Length > 0 ? " " + TextInput.Quoted(repair.Text) : "";
                    terminal.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Token {repair.At}: {kind}{what}"));
                }
            });
    }

    private static Command Stream(Terminal terminal)
    {
        Common common = new("Text with special tokens by name, or ids with --ids");
        Option<ParsingMode?> mode = ModeOption();
        Option<Speaker?> role = RoleOption();
        Option<bool> ids = IdsInOption();
        return common.Command("stream", "Shows the parser's state and the new text after every token.", terminal, [mode, role, ids],
            lines => lines.Stream, (parsed, tokenizer, text) =>
            {
                int[] tokens = Tokens(tokenizer, text, parsed.GetValue(ids));
                var parser = new HarmonyParser(tokenizer, RoleOf(parsed.GetValue(role), tokenizer, tokens), ModeOf(parsed.GetValue(mode)));
                foreach (int id in tokens)
                {
                    MessageDelta? delta = parser.Append(id);
                    terminal.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(uint)id,6}  {parser.State,-11}{Shown(delta)}").TrimEnd());
                }
                MessageDelta? last = parser.End();
                terminal.Out.WriteLine($"   end  {parser.State,-11}{Shown(last)}".TrimEnd());
            });
    }

    private static string Shown(MessageDelta? delta) => delta is not { } text ? "" :
        $"  {text.Role.Word()} {text.Channel ?? "-"}{(text.Recipient is { } to ? " to=" + to : "")}  {TextInput.Quoted(text.Text)}";

    private static void Show(Terminal terminal, Tokenizer tokenizer, bool ids, int[] tokens)
    {
        if (ids)
        {
            terminal.Out.WriteLine(TextInput.Written(tokens));
            return;
        }
        terminal.Out.Write(TextForm.Of(tokenizer, tokens, out bool hasLookalikes));
        if (terminal.IsOutputTerminal)
            terminal.Out.WriteLine();
        if (hasLookalikes)
            terminal.Error.WriteLine(@"Text that spells a special token is shown as <\|name|>; --ids shows what is what.");
    }

    // A file or a pipe ends its last line; that line end is not a token.
    private static int[] Tokens(Tokenizer tokenizer, string text, bool areIds) => areIds
        ? TextInput.Ids(text)
        : tokenizer.EncodeWithSpecials(text.EndsWith('\n') ? text[..^1] : text);

    private static Option<bool> IdsOption() => new("--ids")
    {
        Description = "Prints a JSON array of ids instead of text with special tokens by name.",
    };

    private static Option<bool> IdsInOption() => new("--ids")
    {
        Description = "The input is ids: a JSON array, or numbers with white space between them.",
    };

    private static Option<ParsingMode?> ModeOption() => Arguments.Word("--mode",
        "What happens on malformed input: every repair there is, an error, or the published repair; recovering if not given.",
        ("recovering", ParsingMode.Recovering), ("strict", ParsingMode.Strict), ("lenient", ParsingMode.Lenient));

    private static ParsingMode ModeOf(ParsingMode? mode) => mode ?? ParsingMode.Recovering;

    private static Option<Speaker?> RoleOption() => Arguments.Word("--role",
        "Whose message has begun before the first token; auto is the assistant's, unless the first token is <|start|>; auto if not given.",
        [.. Enum.GetValues<Speaker>().Select(speaker => (JsonNamingPolicy.CamelCase.ConvertName(speaker.ToString()), speaker))]);

    private static Role? RoleOf(Speaker? speaker, Tokenizer tokenizer, int[] tokens) => speaker switch
    {
        Speaker.None => null,
        null or Speaker.Auto => tokens is [var first, ..] && first == tokenizer.SpecialId("<|start|>") ? null : Role.Assistant,
        _ => RoleWords.Find(JsonNamingPolicy.CamelCase.ConvertName(speaker.Value.ToString())),
    };

    /// <summary>What every one of the four takes: an input, a tokenizer, and <c>--jsonl</c>.</summary>
    private sealed class Common(string input)
    {
        private readonly Argument<string?> _file = new("file")
        {
            Description = input + ", in a file; without it, or with -, standard input.",
            Arity = ArgumentArity.ZeroOrOne,
        };

        private readonly Option<bool> _jsonl = new("--jsonl")
        {
            Description = "Reads lines in the form of the recordings in testdata/harmony and writes their results, line for line.",
        };

        private readonly Option<bool> _lossy = TextInput.LossyOption();
        private readonly Option<string?> _model = TextInput.ModelOption();

        internal Command Command(string name, string description, Terminal terminal, Option[] options,
            Func<HarmonyLines, Func<string, string>> answer, Action<ParseResult, Tokenizer, string> run)
        {
            var command = new Command(name, description) { _file, _model, _jsonl, _lossy };
            foreach (Option option in options)
                command.Add(option);
            command.SetAction(parsed =>
            {
                Tokenizer tokenizer = TextInput.TokenizerOf(parsed.GetValue(_model), terminal);
                using TextReader reader = TextInput.Open(parsed.GetValue(_file), terminal, parsed.GetValue(_lossy));
                if (parsed.GetValue(_jsonl))
                    return JsonLines.Run(reader, terminal, answer(new HarmonyLines(tokenizer)));
                run(parsed, tokenizer, reader.ReadToEnd());
                return ExitCodes.Ok;
            });
            return command;
        }
    }
}
