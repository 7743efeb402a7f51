using System.Globalization;
using System.Text;
using System.Text.Json;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>A document with its subschemas, found by keyword and by reference. Nothing outside the document is ever read.</summary>
internal sealed class SchemaDocument
{
    private const int MostSubschemas = 20_000, MostDepth = 200;

    private readonly Work _work;
    private readonly Dictionary<string, Schema> _byPath = [];
    private readonly Lazy<SchemaNames> _names;

    internal SchemaDocument(JsonElement root, Work work)
    {
        _work = work;
        Root = Intern(root, "#", around: null);
        _names = new(() => new SchemaNames(this));
    }

    internal Schema Root { get; }

    /// <summary>The subschemas that were read so far.</summary>
    internal IReadOnlyCollection<Schema> Known => _byPath.Values;

    /// <summary>The subschema that is the value of a keyword.</summary>
    internal Schema Child(Schema parent, string keyword) => Intern(parent.Json.GetProperty(keyword), $"{parent.Path}/{Escaped(keyword)}", parent);

    /// <summary>The subschemas in a keyword's list.</summary>
    internal List<Schema> Children(Schema parent, string keyword)
    {
        JsonElement list = parent.Json.GetProperty(keyword);
        if (list.ValueKind != JsonValueKind.Array)
            throw new SchemaRefusal(parent.Path, keyword, "is not a list of schemas");
        return [.. list.EnumerateArray().Select((json, i) =>
            Intern(json, string.Create(CultureInfo.InvariantCulture, $"{parent.Path}/{Escaped(keyword)}/{i}"), parent))];
    }

    /// <summary>The subschemas in a keyword's object, by name; of equal names the last.</summary>
    internal OrderedDictionary<string, Schema> Members(Schema parent, string keyword)
    {
        JsonElement members = parent.Json.GetProperty(keyword);
        if (members.ValueKind != JsonValueKind.Object)
            throw new SchemaRefusal(parent.Path, keyword, "is not an object of schemas");
        var named = new OrderedDictionary<string, Schema>(StringComparer.Ordinal);
        foreach (JsonProperty member in members.EnumerateObject())
            named[member.Name] = Intern(members.GetProperty(member.Name), $"{parent.Path}/{Escaped(keyword)}/{Escaped(member.Name)}", parent);
        return named;
    }

    /// <summary>One of them.</summary>
    internal Schema Member(Schema parent, string keyword, string name) =>
        Intern(parent.Json.GetProperty(keyword).GetProperty(name), $"{parent.Path}/{Escaped(keyword)}/{Escaped(name)}", parent);

    /// <summary>What a <c>$ref</c> refers to.</summary>
    /// <exception cref="SchemaRefusal">It is in another document, or nowhere.</exception>
    internal Schema Resolve(Schema from, string reference)
    {
        int hash = reference.IndexOf('#');
        string document = hash < 0 ? reference : reference[..hash], fragment = hash < 0 ? "" : Uri.UnescapeDataString(reference[(hash + 1)..]);
        Schema resource = document.Length == 0 ? from.Resource
            : _names.Value.Find(from, document) ?? throw new SchemaRefusal(from.Path, "$ref", "refers to another document, which is not fetched");
        if (fragment.Length == 0)
            return resource;
        if (fragment[0] == '/')
            return Descend(resource, fragment) ?? throw new SchemaRefusal(from.Path, "$ref", "refers to nothing in the document");
        return _names.Value.Anchor(resource, fragment)
            ?? throw new SchemaRefusal(from.Path, "$ref", "refers to an anchor that is not in the document");
    }

    /// <summary>The subschema at a path; each is one object.</summary>
    internal Schema Intern(JsonElement json, string path, Schema? around)
    {
        if (_byPath.TryGetValue(path, out Schema? known))
            return known;
        _work.Spend(4);
        if (_byPath.Count >= MostSubschemas)
            throw new SchemaRefusal(path, null, $"there are more than {MostSubschemas} subschemas");
        if (path.AsSpan().Count('/') > 2 * MostDepth)
            throw new SchemaRefusal("#", null, $"subschemas are nested more than {MostDepth} deep");
        if (json.ValueKind is not (JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False))
            throw new SchemaRefusal(path, null, "a schema is an object, true or false");
        return _byPath[path] = new Schema(json, path, around, _byPath.Count + 1);
    }

    private Schema? Descend(Schema resource, string pointer)
    {
        JsonElement json = resource.Json;
        Schema owner = resource;
        var path = new StringBuilder(resource.Path);
        foreach (string token in pointer[1..].Split('/'))
        {
            string name = token.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            path.Append('/').Append(Escaped(name));
            if (json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out JsonElement member))
            {
                json = member;
            }
            else if (json.ValueKind == JsonValueKind.Array && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int i)
                && i < json.GetArrayLength())
                {
                    json = json[i];
                }
            else
            {
                return null;
            }
            if (_byPath.TryGetValue(path.ToString(), out Schema? known) && known.Resource == known)
                owner = known;
        }

        return Intern(json, path.ToString(), owner);
    }

    private static string Escaped(string token) => token.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
}
