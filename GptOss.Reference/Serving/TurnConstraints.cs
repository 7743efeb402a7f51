using System.Text.Json;
using GptOss.Reference.Generation;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Harmony;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Serving;

/// <summary>What binds a turn: whom it may call and with what, whether it must, and the answer's form.</summary>
/// <remarks>Every turn is bound: a recipient that was not declared cannot be written, even where there is none at all.</remarks>
internal static class TurnConstraints
{
    /// <exception cref="TurnSchemaException">The answer's form, or a strict function's parameters, cannot be kept.</exception>
    internal static TokenConstraint Of(Turn turn, Tokenizer tokenizer, SchemaCache schemas)
    {
        IEnumerable<TurnFunction> functions = turn.Calls == CallMode.None ? [] : turn.Allowed ?? turn.Functions;
        IEnumerable<HarmonyCall> calls = functions.Select(function => new HarmonyCall(function.Recipient, ArgumentsOf(function, schemas)));
        // A function of the application's has precedence over a tool of the same name.
        HarmonyRules rules = new()
        {
            Calls = [.. calls.Concat(turn.Tools.SelectMany(BuiltIn)).DistinctBy(call => call.Recipient)],
            MayAnswer = turn.Calls != CallMode.Required,
            Answer = AnswerOf(turn.Format, schemas),
        };
        return new HarmonyConstraint(rules, tokenizer);
    }

    // Python's calls are code; those of a namespace with functions are JSON, and the tool tells the model what is wrong with it.
    private static IEnumerable<HarmonyCall> BuiltIn(ITool tool) => tool.Declaration.Recipients
        .Select(recipient => new HarmonyCall(recipient, tool.Declaration.Tools.Count == 0 ? null : JsonSchema.AnyObject) { IsBuiltIn = true });

    private static JsonSchema? ArgumentsOf(TurnFunction function, SchemaCache schemas)
    {
        if (function.IsCustom)
            return null;
        if (function.Description.Parameters is not { } parameters)
            return JsonSchema.AnyObject;
        try
        {
            return schemas.Compile(parameters);
        }
        catch (JsonSchemaException exception)
        {
            return function.IsStrict ? throw new TurnSchemaException(function, exception) : JsonSchema.AnyObject;
        }
    }

    private static JsonSchema? AnswerOf(TurnFormat? format, SchemaCache schemas)
    {
        try
        {
            return format is null ? null : format.Schema is JsonElement schema ? schemas.Compile(schema) : JsonSchema.AnyObject;
        }
        catch (JsonSchemaException exception)
        {
            throw new TurnSchemaException(null, exception);
        }
    }
}
