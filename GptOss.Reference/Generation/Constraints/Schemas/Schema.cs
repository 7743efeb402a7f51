using System.Text.Json;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>One subschema of a document; each place is one object.</summary>
internal sealed class Schema
{
    internal Schema(JsonElement json, string path, Schema? around, int id)
    {
        (Json, Path, Id) = (json, path, id);
        Resource = around is null || Identifier is not null ? this : around.Resource;
        Around = around?.Resource;
    }

    internal JsonElement Json { get; }

    /// <summary>Where it is: a JSON pointer that begins with <c>#</c>.</summary>
    internal string Path { get; }

    /// <summary>A number of its own, from 1.</summary>
    internal int Id { get; }

    /// <summary>The nearest schema around, itself included, that has an identifier, or the root: what references in it are relative to.</summary>
    internal Schema Resource { get; }

    /// <summary>The resource around this one; null for the root.</summary>
    internal Schema? Around { get; }

    /// <summary>Its <c>$id</c>, unless that is a plain name, which older drafts have for anchors.</summary>
    internal string? Identifier => Find("$id") is { ValueKind: JsonValueKind.String } id && id.GetString() is [not '#', ..] name ? name : null;

    /// <summary>Whether it allows everything: <c>true</c>, or an object without members.</summary>
    internal bool IsTrue => Json.ValueKind == JsonValueKind.True || (Json.ValueKind == JsonValueKind.Object && !Json.EnumerateObject().MoveNext());

    internal bool IsFalse => Json.ValueKind == JsonValueKind.False;

    /// <summary>A member, if there is one.</summary>
    internal JsonElement? Find(string keyword) =>
        Json.ValueKind == JsonValueKind.Object && Json.TryGetProperty(keyword, out JsonElement value) ? value : null;
}

/// <summary>A subschema that a value must be valid for, or must not be.</summary>
internal readonly record struct Rule(Schema Schema, bool Holds = true)
{
    internal Rule Negated => this with { Holds = !Holds };
}
