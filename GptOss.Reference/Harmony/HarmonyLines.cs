using System.Globalization;
using System.Text;
using System.Text.Json;
using GptOss.Reference.Ground;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Harmony;

/// <summary>One line of JSON in, one line out: rendering and parsing for programs that compare implementations.</summary>
/// <remarks>
/// The lines have the form of the recordings in <c>testdata/harmony</c>; a recorded result on an input line is ignored. What is wrong with a
/// conversation or a stream is in the line as <c>error</c>.
/// </remarks>
/// <param name="tokenizer">What the ids mean.</param>
/// <exception cref="TokenizerFormatException">The tokenizer lacks one of the special tokens that frame messages.</exception>
internal sealed class HarmonyLines(Tokenizer tokenizer)
{
    private readonly HarmonyRenderer _renderer = new(tokenizer);

    /// <summary>
    /// <c>{"name", "conversation", "mode": completion|conversation|training, "auto_drop_analysis"}</c> → <c>{"name", "tokens" | "error"}</c>.
    /// <c>"drop": library|finished|none</c> may replace <c>auto_drop_analysis</c>.
    /// </summary>
    /// <exception cref="HarmonyFormatException">The line is not a JSON object.</exception>
    public string Render(string line)
    {
        JsonElement input = Read(line);
        return Result(input, text => AppendTokens(text, Tokens(input)));
    }

    /// <summary><c>{"name", "message", "conversation_has_function_tools"}</c> → <c>{"name", "tokens" | "error"}</c>.</summary>
    /// <exception cref="HarmonyFormatException">The line is not a JSON object.</exception>
    public string Message(string line)
    {
        JsonElement input = Read(line);
        return Result(input, text =>
            AppendTokens(text, _renderer.Render(MessageJson.Read(Get(input, "message")), Flag(input, "conversation_has_function_tools", false))));
    }

    /// <summary>
    /// <c>{"name", "role", "tokens"}</c> → <c>{"name", "strict", "lenient", "recovering"}</c>; the first two hold <c>messages</c> or
    /// <c>error</c>, the last holds <c>messages</c> and <c>repairs</c>.
    /// </summary>
    /// <exception cref="HarmonyFormatException">The line is not a JSON object.</exception>
    public string Parse(string line)
    {
        JsonElement input = Read(line);
        return Result(input, text =>
        {
            (Role? role, int[] ids) = (StatedRole(input), Ids(Get(input, "tokens")));
            foreach (ParsingMode mode in (ParsingMode[])[ParsingMode.Strict, ParsingMode.Lenient, ParsingMode.Recovering])
            {
                text.Append(mode == ParsingMode.Strict ? "\"strict\":" : mode == ParsingMode.Lenient ? ",\"lenient\":" : ",\"recovering\":");
                AppendParsed(text, ids, role, mode);
            }
        });
    }

    /// <summary>
    /// <c>{"name", "role", "strict", "tokens"}</c> → <c>{"name", "steps", "eos", "messages"}</c>, one step a token with the parser's state after
    /// it. Without <c>tokens</c>, those of the line's <c>steps</c> are taken. After a step that is an error nothing follows, and <c>eos</c> is
    /// absent.
    /// </summary>
    /// <exception cref="HarmonyFormatException">The line is not a JSON object.</exception>
    public string Stream(string line)
    {
        JsonElement input = Read(line);
        return Result(input, text =>
        {
            int[] ids = CompactJson.Get(input, "tokens") is { ValueKind: not JsonValueKind.Null } tokens
                ? Ids(tokens)
                : [.. Items(Get(input, "steps"), "steps").Select(step => Id(Get(step, "token")))];
            ParsingMode mode = Flag(input, "strict", true) ? ParsingMode.Strict : ParsingMode.Lenient;
            AppendSteps(text, new HarmonyParser(tokenizer, StatedRole(input), mode), ids);
        });
    }

    /// <summary>
    /// <c>{"text"}</c> → <c>{"ids"}</c>, or else <c>{"ids"}</c> → <c>{"text"}</c>: special tokens by name, U+FFFD for what is not UTF-8. A line that
    /// is neither, or an id without a token, gives <c>{"error"}</c>.
    /// </summary>
    /// <param name="line">One JSON object.</param>
    /// <param name="withSpecials">Whether names of special tokens in the text become their ids.</param>
    /// <exception cref="HarmonyFormatException">The line is not a JSON object.</exception>
    public string Tokens(string line, bool withSpecials)
    {
        JsonElement input = Read(line);
        var text = new StringBuilder();
        try
        {
            if (CompactJson.Get(input, "text") is { } given)
            {
                string words = given.ValueKind == JsonValueKind.String
                    ? CompactJson.StringWithReplacement(given)
                    : throw new HarmonyFormatException("text is not a string.");
                int[] ids = withSpecials ? tokenizer.EncodeWithSpecials(words) : tokenizer.Encode(words);
                text.Append("{\"ids\":[").AppendJoin(',', ids).Append(']');
            }
            else
            {
                int[] ids = Ids(Get(input, "ids"), "ids");
                if (Array.FindIndex(ids, id => !tokenizer.IsKnown(id)) is >= 0 and var at)
                    throw new HarmonyFormatException($"ids[{at}] is {(uint)ids[at]}; this tokenizer has ids 0 to {tokenizer.Count - 1}.");
                AppendField(text, "{\"text\":", tokenizer.Decode(ids));
            }
        }
        catch (HarmonyFormatException e)
        {
            text.Clear();
            AppendField(text, "{\"error\":", e.Message);
        }

        return text.Append('}').ToString();
    }

    private static void AppendSteps(StringBuilder text, HarmonyParser parser, int[] ids)
    {
        string? error = null;
        text.Append("\"steps\":[");
        for (int i = 0; i < ids.Length && error is null; i++)
        {
            error = Error(() => parser.Append(ids[i]));
            text.Append(CultureInfo.InvariantCulture, $"{(i > 0 ? "," : "")}{{\"token\":{(uint)ids[i]}");
            if (error is not null)
                AppendField(text, ",\"error\":", error);
            else
                AppendState(text, parser);
            text.Append('}');
        }

        text.Append(']');
        if (error is null)
        {
            text.Append(",\"eos\":{");
            if (Error(() => parser.End()) is { } atEnd)
                AppendField(text, "\"error\":", atEnd);
            text.Append('}');
        }

        MessageJson.Append(text.Append(",\"messages\":"), parser.Messages);
    }

    private static void AppendState(StringBuilder text, HarmonyParser parser)
    {
        AppendField(text, ",\"state\":", parser.State.ToString());
        AppendField(text, ",\"role\":", parser.CurrentRole?.Word());
        AppendField(text, ",\"channel\":", parser.CurrentChannel);
        AppendField(text, ",\"recipient\":", parser.CurrentRecipient);
        AppendField(text, ",\"content_type\":", parser.CurrentContentType);
        AppendField(text, ",\"delta\":", parser.LastContentDelta);
        AppendField(text, ",\"content\":", parser.CurrentContent);
    }

    private void AppendParsed(StringBuilder text, int[] ids, Role? role, ParsingMode mode)
    {
        var parser = new HarmonyParser(tokenizer, role, mode);
        string? error = Error(() =>
        {
            foreach (int id in ids)
                parser.Append(id);
            parser.End();
        });
        if (error is not null)
        {
            AppendField(text, "{\"error\":", error);
            text.Append('}');
            return;
        }

        MessageJson.Append(text.Append("{\"messages\":"), parser.Messages);
        if (mode == ParsingMode.Recovering)
            AppendRepairs(text.Append(",\"repairs\":"), parser.Repairs);
        text.Append('}');
    }

    /// <summary>Appends repairs as a list of <c>{"at", "kind", "text"}</c>.</summary>
    internal static void AppendRepairs(StringBuilder text, IReadOnlyList<Repair> repairs)
    {
        text.Append('[');
        for (int i = 0; i < repairs.Count; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{(i > 0 ? "," : "")}{{\"at\":{repairs[i].At}");
            AppendField(text, ",\"kind\":", JsonNamingPolicy.KebabCaseLower.ConvertName(repairs[i].Kind.ToString()));
            AppendField(text, ",\"text\":", repairs[i].Text);
            text.Append('}');
        }

        text.Append(']');
    }

    private int[] Tokens(JsonElement input)
    {
        IReadOnlyList<Message> messages = MessageJson.ReadConversation(Get(input, "conversation"));
        DroppedAnalysis drop = Word(input, "drop") switch
        {
            null => Flag(input, "auto_drop_analysis", true) ? DroppedAnalysis.Library : DroppedAnalysis.None,
            "library" => DroppedAnalysis.Library,
            "finished" => DroppedAnalysis.Finished,
            "none" => DroppedAnalysis.None,
            var other => throw new HarmonyFormatException($"drop is '{Printable.Clip(other)}'; expected library, finished or none."),
        };
        return Word(input, "mode") switch
        {
            "completion" or null => _renderer.RenderForCompletion(messages, drop: drop),
            "conversation" => _renderer.RenderConversation(messages, drop),
            "training" => _renderer.RenderForTraining(messages, drop),
            var other => throw new HarmonyFormatException($"mode is '{Printable.Clip(other)}'; expected completion, conversation or training."),
        };
    }

    private static JsonElement Read(string line)
    {
        JsonElement input = CompactJson.Parse(line, "the line");
        return input.ValueKind == JsonValueKind.Object ? input : throw new HarmonyFormatException("the line is JSON but not an object.");
    }

    // A name may be anything; it is given back as it came.
    private static string Result(JsonElement input, Action<StringBuilder> write)
    {
        string name = CompactJson.Get(input, "name") is { } given ? CompactJson.Spelled(given) : "null";
        var text = new StringBuilder($"{{\"name\":{name},");
        int begin = text.Length;
        try
        {
            write(text);
        }
        catch (HarmonyFormatException e)
        {
            text.Length = begin;
            AppendField(text, "\"error\":", e.Message);
        }

        return text.Append('}').ToString();
    }

    private static string? Error(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (HarmonyFormatException e)
        {
            return e.Message;
        }
    }

    private static void AppendTokens(StringBuilder text, int[] ids) => text.Append("\"tokens\":[").AppendJoin(',', ids).Append(']');

    private static void AppendField(StringBuilder text, string key, string? value)
    {
        text.Append(key);
        if (value is null)
            text.Append("null");
        else
            CompactJson.AppendString(text, value);
    }

    private static Role? StatedRole(JsonElement input) => Word(input, "role") is { } word
        ? RoleWords.Find(word)
            ?? throw new HarmonyFormatException($"role is '{Printable.Clip(word)}'; expected user, assistant, system, developer, tool or null.")
        : null;

    private static string? Word(JsonElement input, string key)
    {
        if (CompactJson.Get(input, key) is not { ValueKind: not JsonValueKind.Null } value)
            return null;
        return value.ValueKind == JsonValueKind.String ? CompactJson.String(value) : throw new HarmonyFormatException($"{key} is not a string.");
    }

    private static bool Flag(JsonElement input, string key, bool absent)
    {
        if (CompactJson.Get(input, key) is not { ValueKind: not JsonValueKind.Null } value)
            return absent;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
            : throw new HarmonyFormatException($"{key} is neither true nor false.");
    }

    private static JsonElement Get(JsonElement input, string key) =>
        CompactJson.Get(input, key) ?? throw new HarmonyFormatException($"The line has no {key}.");

    private static JsonElement.ArrayEnumerator Items(JsonElement list, string key) =>
        list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : throw new HarmonyFormatException($"{key} is not a list.");

    /// <summary>Ids from JSON: whole numbers of 32 bits; whether each has a token is the parser's business.</summary>
    internal static int[] Ids(JsonElement list, string key = "tokens") => [.. Items(list, key).Select(Id)];

    private static int Id(JsonElement item) => item.ValueKind == JsonValueKind.Number && item.TryGetUInt32(out uint id)
        ? unchecked((int)id)
        : throw new HarmonyFormatException("A token is not a whole number from 0 to 4294967295.");
}
