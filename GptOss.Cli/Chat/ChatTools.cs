using GptOss.Cli.Options;
using GptOss.Cli.Terminals;
using GptOss.Cli.Tools;
using GptOss.Reference.Harmony;
using GptOss.Tools.ApplyPatch;
using GptOss.Tools.Browser;
using GptOss.Tools.Functions;
using GptOss.Tools.Python;

namespace GptOss.Cli.Chat;

/// <summary>The tools that <c>--tools</c> names, each on until <c>/tools NAME off</c>.</summary>
internal sealed class ChatTools : IDisposable
{
    private static readonly string[] Forms = ["python", "functions=FILE", "apply_patch=FOLDER", "browser=FOLDER"];

    private readonly List<(string Name, ITool Tool)> _all = [];
    private readonly HashSet<string> _off = [];
    private readonly List<IDisposable> _owned = [];
    private readonly Terminal _terminal;

    /// <summary>Makes them; nothing runs yet.</summary>
    /// <exception cref="UsageException">A word is not a tool, or lacks what it needs.</exception>
    internal ChatTools(IEnumerable<string> lists, Terminal terminal)
    {
        _terminal = terminal;
        try
        {
            foreach (string word in lists.SelectMany(list => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)))
                Add(word);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The tools that are on.</summary>
    internal IReadOnlyList<ITool> On => [.. _all.Where(tool => !_off.Contains(tool.Name)).Select(tool => tool.Tool)];

    /// <summary>The browser, whose pages an answer cites.</summary>
    internal SimpleBrowser? Browser => _all.Select(tool => tool.Tool).OfType<SimpleBrowser>().FirstOrDefault();

    /// <summary>Names of those that are on.</summary>
    internal string Names => On.Count == 0 ? "none" : string.Join(", ", _all.Where(tool => !_off.Contains(tool.Name)).Select(tool => tool.Name));

    /// <summary>A line for each tool.</summary>
    internal IEnumerable<string> Describe()
    {
        foreach ((string name, ITool tool) in _all)
        {
            yield return $"{name} {(_off.Contains(name) ? "off" : "on")}: {string.Join(", ", tool.Declaration.Recipients)}";
        }
    }

    /// <summary>Turns a tool on or off; false if there is none of that name.</summary>
    internal bool Switch(string name, bool on)
    {
        if (!_all.Exists(tool => tool.Name == name))
            return false;
        _ = on ? _off.Remove(name) : _off.Add(name);
        return true;
    }

    public void Dispose() => _owned.ForEach(owned => owned.Dispose());

    private void Add(string word)
    {
        int equals = word.IndexOf('=');
        string name = equals < 0 ? word : word[..equals], value = equals < 0 ? "" : word[(equals + 1)..];
        if (_all.Exists(tool => tool.Name == name))
            throw new UsageException($"--tools names {name} twice.");
        if (name is "python" ? value.Length > 0 : name is "functions" or "apply_patch" or "browser" && value.Length == 0)
            throw new UsageException($"--tools has '{word}'; expected {Forms.First(form => form.Split('=')[0] == name)}.");
        ITool tool = Make(name, value);
        _all.Add((name, tool));
        if (tool is IDisposable owned)
            _owned.Add(owned);
    }

    private ITool Make(string name, string value) => name switch
    {
        "python" => new PythonTool(),
        "functions" => FunctionTools.FromFile(value),
        "apply_patch" => Directory.Exists(value)
            ? new ApplyPatchTool(value)
            : throw new UsageException($"--tools apply_patch: there is no folder '{value}'."),
        "browser" => new SimpleBrowser(Pages(value)),
        _ => throw new UsageException($"--tools has '{name}'; expected {Arguments.List(Forms)}."),
    };

    private IBrowserBackend Pages(string value)
    {
        if (Directory.Exists(value))
            return new FolderPages(value);
        if (value == "-")
            throw new UsageException("--tools browser=-: pages cannot come from standard input, which the chat reads.");
        if (value != "live")
            return ToolsCommand.Saved(value, _terminal);
        var pages = new LivePages(Environment.GetEnvironmentVariable("YDC_API_KEY"), Environment.GetEnvironmentVariable("EXA_API_KEY"));
        if (pages is IDisposable connections)
            _owned.Add(connections);
        return pages;
    }
}
