using GptOss.Reference.Generation;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Harmony;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Serving;

/// <summary>What binds a turn: its schema, the functions it may call, whether it must.</summary>
internal static class TurnConstraints
{
    /// <summary>The constraint of a turn; null where nothing binds it.</summary>
    /// <exception cref="JsonSchemaException">The answer's schema, or that of a strict function, cannot be kept.</exception>
    internal static TokenConstraint? Of(Turn turn, Tokenizer tokenizer)
    {
        if (turn.Format is null && turn.Functions.Count == 0 && turn.Tools.Count == 0 && turn.Calls == CallMode.Auto)
            return null;
        IEnumerable<HarmonyCall> functions = turn.Calls == CallMode.None ? [] : (turn.Allowed ?? turn.Functions).Select(Call);
        IEnumerable<HarmonyCall> tools = turn.Tools.SelectMany(tool => tool.Declaration.Recipients)
            .Select(recipient => new HarmonyCall(recipient) { IsBuiltIn = true });
        return new HarmonyConstraint(new HarmonyRules
        {
            Calls = [.. functions, .. tools],
            MayAnswer = turn.Calls != CallMode.Required,
            Answer = turn.Format is not { } format ? null : format.Schema is { } schema
                ? JsonSchema.Compile(schema.GetRawText())
                : JsonSchema.AnyObject,
        }, tokenizer);
    }

    private static HarmonyCall Call(TurnFunction function) => new(function.Recipient, function.IsCustom ? null : Arguments(function));

    // A schema that cannot be kept holds nobody back who did not ask for strictness: such calls are any JSON object.
    private static JsonSchema Arguments(TurnFunction function)
    {
        if (function.Description.Parameters is not { } parameters)
            return JsonSchema.AnyObject;
        try
        {
            return JsonSchema.Compile(parameters.GetRawText());
        }
        catch (JsonSchemaException) when (!function.IsStrict)
        {
            return JsonSchema.AnyObject;
        }
    }
}
