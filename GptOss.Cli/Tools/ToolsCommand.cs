using System.CommandLine;
using System.Text.Json;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Harmony;
using GptOss.Tools.ApplyPatch;
using GptOss.Tools.Browser;
using GptOss.Tools.Functions;
using GptOss.Tools.Lines;
using GptOss.Tools.Python;

namespace GptOss.Cli.Tools;

/// <summary><c>gptoss tools</c>: the published tools, one at a time and without a model.</summary>
internal static class ToolsCommand
{
    internal static Command Create(Terminal terminal) => new("tools", "Runs one of the published tools, without a model.")
    {
        CreatePatch(terminal), CreateBrowser(terminal), CreateCitations(terminal), CreateFunction(terminal), CreatePython(terminal),
    };

    private static Command CreatePatch(Terminal terminal)
    {
        Argument<string?> file = FileArgument("A patch (*** Begin Patch …)");
        var root = new Option<string>("--root")
        {
            Description = "The folder that is patched; a path that leaves it is an error.",
            HelpName = "DIR",
            DefaultValueFactory = _ => ".",
        };
        Option<bool> jsonl = JsonlOption("{\"name\", \"after\" | \"error\"}");
        var command = new Command("apply-patch", "Applies a patch to a folder: all of it or nothing.") { file, root, jsonl };
        command.SetAction(parsed =>
        {
            using TextReader reader = TextInput.Open(parsed.GetValue(file), terminal);
            if (parsed.GetValue(jsonl))
                return Lines(reader, terminal, ToolLines.ApplyPatchLine);
            IReadOnlyList<string> changed = Patch.ApplyToFolder(reader.ReadToEnd(), parsed.GetValue(root)!);
            terminal.Out.WriteLine(Patch.Done);
            foreach (string path in changed)
                terminal.Error.WriteLine(path);
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command CreateBrowser(Terminal terminal)
    {
        Argument<string?> file = FileArgument(
            "Calls, one a line: search QUERY, open URL, open ID, open (to scroll), find PATTERN, or a function and its arguments as JSON");
        var pages = new Option<string?>("--pages")
        {
            Description = "A folder of pages, or a JSON file {\"pages\": {url: html}, \"results\": {query: [{\"title\", \"url\", \"summary\"}]}}.",
            HelpName = "DIR|FILE",
        };
        var live = new Option<bool>("--live")
        {
            Description = "Fetches pages from the web; searches need a key in YDC_API_KEY or EXA_API_KEY.",
        };
        Option<bool> jsonl = JsonlOption("{\"name\", \"results\": [{\"result\" | \"error\"}]}");
        var command = new Command("browser", "Runs browser calls and shows what a model would be shown.") { file, pages, live, jsonl };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(jsonl))
            {
                using TextReader recorded = TextInput.Open(parsed.GetValue(file), terminal);
                return Lines(recorded, terminal, ToolLines.BrowserLine);
            }
            string? from = parsed.GetValue(pages);
            if (from is null == !parsed.GetValue(live))
                throw new UsageException("The browser needs one source of pages: --pages or --live.");
            if (from is "-" && parsed.GetValue(file) is null or "-")
                throw new UsageException("Pages and calls cannot both come from standard input; give one of them in a file.");
            using TextReader reader = TextInput.Open(parsed.GetValue(file), terminal);
            IBrowserBackend backend = from is null
                ? new LivePages(Environment.GetEnvironmentVariable("YDC_API_KEY"), Environment.GetEnvironmentVariable("EXA_API_KEY"))
                : Directory.Exists(from) ? new FolderPages(from) : Saved(from, terminal);
            using var connections = backend as IDisposable;
            var browser = new SimpleBrowser(backend);
            foreach (string line in JsonLines.Lines(reader))
            {
                if (line.AsSpan().Trim().IsEmpty)
                    continue;
                (string function, string arguments) = Call(line.Trim());
                terminal.Out.WriteLine(browser.CallAsync(function, arguments, terminal.Cancellation).GetAwaiter().GetResult());
                terminal.Out.Flush();
            }
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command CreateCitations(Terminal terminal)
    {
        Argument<string?> file = FileArgument("An answer");
        var pages = new Option<string[]>("--page")
        {
            Description = "The URL of a cursor, from cursor 0 on; given once for each.",
            HelpName = "URL",
        };
        Option<bool> jsonl = JsonlOption("{\"name\", \"normalized\", \"annotations\", \"deltas\"}");
        var command = new Command("citations", "Turns the citations of an answer into links.") { file, pages, jsonl };
        command.SetAction(parsed =>
        {
            using TextReader reader = TextInput.Open(parsed.GetValue(file), terminal);
            if (parsed.GetValue(jsonl))
                return Lines(reader, terminal, ToolLines.CitationsLine);
            terminal.Out.Write(Citations.Normalize(reader.ReadToEnd(), parsed.GetValue(pages) ?? []).Text);
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command CreateFunction(Terminal terminal)
    {
        var file =
            new Argument<string>("file") { Description =
                "The functions: {\"tools\":[{\"type\":\"function\",\"function\":{…},\"command\":[\"prog\",\"arg\"],\"timeout_s\":30}]}." };
        var name = new Argument<string?>("name")
        {
            Description = "The function to call; without it, they are listed.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var arguments = new Argument<string?>("arguments")
        {
            Description = "Its arguments, as JSON; without them, {}.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command("function", "Calls a function of a functions file: runs its program and exits with its code.") { file,
            name, arguments };
        command.SetAction(parsed =>
        {
            var tools = FunctionTools.FromFile(parsed.GetValue(file)!);
            if (parsed.GetValue(name) is not { } called)
            {
                terminal.Out.Write(Text.Table([.. tools.Functions.Select(function => (string[])[function.Name, function.Description])]));
                return ExitCodes.Ok;
            }
            if (tools.Functions.All(function => function.Name != called))
            {
                throw new UsageException(
                    $"Unknown function '{called}'; the file has {Arguments.List(tools.Functions.Select(function => function.Name))}.");
            }
            FunctionResult result = tools.CallAsync(called, parsed.GetValue(arguments) ?? "{}", terminal.Cancellation).GetAwaiter().GetResult();
            Show(terminal, result.Answer);
            terminal.Cancellation.ThrowIfCancellationRequested();
            return result.ExitCode ?? ExitCodes.BadInput;
        });
        return command;
    }

    private static Command CreatePython(Terminal terminal)
    {
        var files = new Argument<string[]>("file")
        {
            Description = "Code, one file a call, in order; without any, or with -, standard input.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        Option<double> timeout = Arguments.Number("--timeout", "Seconds that a call may take.", 0.1, 86_400, 120);
        var command = new Command("python", "Runs code in the stateful interpreter that the model uses.") { files, timeout };
        command.SetAction(parsed =>
        {
            using var tool = new PythonTool(new PythonToolOptions { Timeout = TimeSpan.FromSeconds(parsed.GetValue(timeout)) });
            PythonConfinement confinement = tool.ConfinementAsync(terminal.Cancellation).GetAwaiter().GetResult();
            terminal.Error.WriteLine(confinement.Describe(tool.Limits));
            foreach (string? file in parsed.GetValue(files) is { Length: > 0 } given ? given : (string?[])[null])
            {
                using TextReader reader = TextInput.Open(file, terminal);
                foreach (ToolAnswer answer in tool.InvokeAsync("python", reader.ReadToEnd(), terminal.Cancellation).GetAwaiter().GetResult())
                    Show(terminal, answer.Text);
                terminal.Cancellation.ThrowIfCancellationRequested();
            }
            return ExitCodes.Ok;
        });
        return command;
    }

    private static void Show(Terminal terminal, string answer)
    {
        terminal.Out.Write(answer);
        if (!answer.EndsWith('\n'))
            terminal.Out.WriteLine();
    }

    private static int Lines(TextReader reader, Terminal terminal, Func<string, ToolLines.Answer> answer)
    {
        bool allRequests = true;
        int code = JsonLines.Run(reader, terminal, line =>
        {
            ToolLines.Answer given = answer(line);
            allRequests &= given.IsRequest;
            return given.Json;
        });
        return allRequests ? code : ExitCodes.BadInput;
    }

    /// <summary>A call as people write it: <c>open 3</c>, <c>open https://…</c>, <c>search rust language</c>, or JSON behind the function.</summary>
    private static (string Function, string Arguments) Call(string line)
    {
        int space = line.IndexOf(' ');
        string function = space < 0 ? line : line[..space], rest = space < 0 ? "" : line[(space + 1)..].Trim();
        if (rest.Length == 0 || rest[0] == '{')
            return (function, rest);
        string key = function switch { "search" => "query", "find" => "pattern", _ => "id" };
        bool isNumber = key == "id" && rest.All(char.IsAsciiDigit);
        return (function, $"{{\"{key}\":{(isNumber ? rest : $"\"{JsonEncodedText.Encode(rest)}\"")}}}");
    }

    /// <summary>A saved set of pages: <c>{"pages": {url: html}, "results": …}</c>.</summary>
    internal static SavedPages Saved(string path, Terminal terminal)
    {
        using TextReader reader = TextInput.Open(path, terminal);
        try
        {
            using var document = JsonDocument.Parse(reader.ReadToEnd());
            return ToolLines.Saved(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InputException($"{(path == "-" ? "standard input" : path)}: {e.Message}");
        }
    }

    private static Argument<string?> FileArgument(string what) => new("file")
    {
        Description = what + ", in a file; without it, or with -, standard input.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static Option<bool> JsonlOption(string form) => new("--jsonl")
    {
        Description = $"Reads lines in the form of the recordings in testdata/tools and writes {form}, line for line.",
    };
}
