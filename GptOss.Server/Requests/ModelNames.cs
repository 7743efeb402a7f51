using GptOss.Server.Http;

namespace GptOss.Server.Requests;

/// <summary>Which names in a request mean the served model.</summary>
internal sealed class ModelNames
{
    private static readonly string[][] Released =
    [
        ["gpt-oss-20b", "openai/gpt-oss-20b", "gpt-oss:20b"],
        ["gpt-oss-120b", "openai/gpt-oss-120b", "gpt-oss:120b"],
    ];

    private readonly HashSet<string> _names;
    private readonly bool _any;

    /// <param name="model">As the user named it: a folder, a file, a repository.</param>
    /// <param name="any">Whether every name is accepted.</param>
    internal ModelNames(string model, bool any)
    {
        _any = any;
        string trimmed = model.TrimEnd('/', '\\');
        string name = Path.GetFileName(trimmed);
        Id = trimmed.Contains("openai/gpt-oss-", StringComparison.Ordinal) && !Path.Exists(trimmed) ? trimmed : name;
        _names = [Id, name, trimmed, .. Released.FirstOrDefault(names => names.Contains(Id)) ?? []];
    }

    /// <summary>The served model's id, which every answer states.</summary>
    internal string Id { get; }

    /// <exception cref="ApiException">The name is another model's.</exception>
    internal void Require(Field? model)
    {
        if (model is { } given && given.String() is { Length: > 0 } name) Require(name);
    }

    /// <exception cref="ApiException">The name is another model's.</exception>
    internal void Require(string name)
    {
        if (!_any && !_names.Contains(name))
            throw new ApiException(404, "model_not_found", $"There is no model '{Field.Shown(name)}' here; this server serves '{Id}'.", "model");
    }
}
