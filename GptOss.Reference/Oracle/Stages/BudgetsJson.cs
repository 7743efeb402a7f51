using System.Globalization;
using System.Text.Json;
using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;

namespace GptOss.Reference.Oracle.Stages;

/// <summary>
/// Budgets as JSON: {"float32": {"g": 1.09, "stages": {"attn.q": {"b": 2e-5, "r": 4}, …}}, "bfloat16": {…}, "bfloat16_blocks": {"equal_bits": 0.995,
/// …}}.
/// </summary>
/// <remarks>A double is written with the digits that bring it back, so a file holds the published numbers exactly.</remarks>
internal static class BudgetsJson
{
    private const string Rule = "budgets";
    private const double Most = 1e6, MostGrowth = 2;

    /// <summary>A file of its own, with the budgets at its root.</summary>
    internal static Budgets Read(string path)
    {
        using JsonDocument document = JsonDocuments.Parse(Files.ReadAll(path, JsonDocuments.MaxBytes), path, Rule);
        return Read(document.RootElement, path, "");
    }

    /// <summary>The member <c>budgets</c> of a manifest.</summary>
    internal static Budgets OfManifest(JsonElement budgets, string path) => Read(budgets, path, "budgets");

    internal static void Write(Utf8JsonWriter json, Budgets budgets)
    {
        json.WriteStartObject();
        WriteTable("float32", budgets.Float32);
        WriteTable("bfloat16", budgets.Bfloat16);
        WriteTable("bfloat16_blocks", budgets.Bfloat16Blocks);
        WriteTable("fast", budgets.Fast);
        json.WriteEndObject();

        void WriteTable(string name, StageBudgets table)
        {
            json.WriteStartObject(name);
            json.WriteNumber("g", table.Growth);
            if (table.EqualBits is { } equal)
                json.WriteNumber("equal_bits", equal);
            json.WriteStartObject("stages");
            foreach ((Stage stage, StageBudget budget) in table.Stages.OrderBy(pair => pair.Key))
            {
                json.WritePropertyName(StageKey.KindOf(stage));
                // one kind a line
                json.WriteRawValue(string.Create(CultureInfo.InvariantCulture, $$"""{"b": {{budget.B:R}}, "r": {{budget.R:R}}}"""));
            }
            json.WriteEndObject();
            json.WriteEndObject();
        }
    }

    private static Budgets Read(JsonElement root, string path, string at)
    {
        var reader = new Reader(path);
        reader.RequireObject(root, at);
        Budgets budgets = Budgets.Published;
        foreach (JsonProperty member in root.EnumerateObject())
        {
            string table = at.Length == 0 ? member.Name : $"{at}.{member.Name}";
            budgets = member.Name switch
            {
                "float32" => budgets with { Float32 = reader.Table(member.Value, table, budgets.Float32) },
                "bfloat16" => budgets with { Bfloat16 = reader.Table(member.Value, table, budgets.Bfloat16) },
                "bfloat16_blocks" => budgets with { Bfloat16Blocks = reader.Table(member.Value, table, budgets.Bfloat16Blocks) },
                "fast" => budgets with { Fast = reader.Table(member.Value, table, budgets.Fast) },
                _ => throw reader.Bad($"'{Printable.Clip(table)}' is not a budget; expected float32, bfloat16, bfloat16_blocks or fast."),
            };
        }
        return budgets;
    }

    private readonly struct Reader(string path)
    {
        /// <summary>A table over the published one: what it states replaces that.</summary>
        internal StageBudgets Table(JsonElement element, string at, StageBudgets published)
        {
            RequireObject(element, at);
            StageBudgets table = published;
            foreach (JsonProperty member in element.EnumerateObject())
            {
                table = member.Name switch
                {
                    "g" => table with { Growth = Number(member.Value, $"{at}.g", 1, MostGrowth) },
                    "equal_bits" => table with { EqualBits = Number(member.Value, $"{at}.equal_bits", 0, 1) },
                    "stages" => table with { Stages = Stages(member.Value, $"{at}.stages", table.Stages) },
                    _ => throw Bad($"'{Printable.Clip(member.Name)}' is not a member of {at}; expected g, equal_bits or stages."),
                };
            }
            return table;
        }

        private Dictionary<Stage, StageBudget> Stages(JsonElement element, string at, IReadOnlyDictionary<Stage, StageBudget> published)
        {
            RequireObject(element, at);
            var stages = new Dictionary<Stage, StageBudget>(published);
            foreach (JsonProperty member in element.EnumerateObject())
            {
                if (!StageKey.TryParseKind(member.Name, out Stage stage) || stage == Stage.Experts)
                {
                    throw Bad(
                        $"'{Printable.Clip(member.Name)}' in {at} is not a kind of stage; expected names such as attn.q, mlp.swiglu or logits.");
                }
                stages[stage] = Budget(member.Value, $"{at}.{member.Name}");
            }
            return stages;
        }

        private StageBudget Budget(JsonElement element, string at)
        {
            RequireObject(element, at);
            double? b = null, r = null;
            foreach (JsonProperty member in element.EnumerateObject())
            {
                double number = Number(member.Value, $"{at}.{Printable.Clip(member.Name)}", 0, Most);
                switch (member.Name)
                {
                    case "b": b = number; break;
                    case "r": r = number; break;
                    default: throw Bad($"'{Printable.Clip(member.Name)}' is not a member of {at}; expected b or r.");
                }
            }
            return b is { } given ? new(given, r ?? 0) : throw Bad($"{at}.b is missing.");
        }

        private double Number(JsonElement element, string at, double least, double most) =>
            element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out double value) && value >= least && value <= most ? value
            : throw Bad(string.Create(CultureInfo.InvariantCulture, $"{at} is {JsonDocuments.Shown(element)}; expected a number " +
                $"from {least} to {most}."));

        internal void RequireObject(JsonElement element, string at)
        {
            if (element.ValueKind != JsonValueKind.Object)
                throw Bad($"{at} is {JsonDocuments.Shown(element)}; expected an object.");
        }

        internal CheckpointFormatException Bad(string sentence) => new(path, Rule, sentence);
    }
}
