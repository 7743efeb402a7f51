using System.Text;
using System.Text.Json;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>Different JSON values: 1 and 1.0 are one. Scalars are found by their text, arrays and objects by comparing them one by one.</summary>
/// <param name="work">Pays for the comparisons.</param>
internal sealed class ValueSet(Work work)
{
    private readonly HashSet<string> _scalars = [];
    private readonly List<JsonElement> _containers = [];

    /// <summary>The set of some values.</summary>
    internal static ValueSet Of(IEnumerable<JsonElement> values, Work work)
    {
        var set = new ValueSet(work);
        foreach (JsonElement value in values)
            set.Add(value);
        return set;
    }

    /// <summary>Adds a value.</summary>
    /// <returns>Whether it was not there.</returns>
    internal bool Add(JsonElement value)
    {
        work.Spend(1);
        if (!IsContainer(value))
            return _scalars.Add(Text(value));
        if (Contains(value))
            return false;
        _containers.Add(value);
        return true;
    }

    /// <summary>Whether a value is there.</summary>
    internal bool Contains(JsonElement value)
    {
        if (!IsContainer(value))
            return _scalars.Contains(Text(value));
        foreach (JsonElement other in _containers)
        {
            work.Spend(8);
            if (JsonElement.DeepEquals(other, value))
                return true;
        }
        return false;
    }

    private static bool IsContainer(JsonElement value) => value.ValueKind is JsonValueKind.Array or JsonValueKind.Object;

    private static string Text(JsonElement value) => Encoding.UTF8.GetString(Constants.Text(value));
}
