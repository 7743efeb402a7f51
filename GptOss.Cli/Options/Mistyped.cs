using System.CommandLine;
using System.CommandLine.Parsing;

namespace GptOss.Cli.Options;

/// <summary>
/// Refuses commands and options that do not exist, with the nearest that does: a mistyped option would otherwise be the prompt. Refuses empty names,
/// too.
/// </summary>
internal static class Mistyped
{
    private const string EndOfOptions = "--";

    // Arguments that are text and not names.
    private static readonly string[] Texts = ["prompt", "text", "arguments"];

    /// <summary>Checks what was typed, up to <c>--</c>; everything after it is text.</summary>
    /// <exception cref="UsageException">A command or an option does not exist.</exception>
    internal static void Refuse(IReadOnlyList<string> args, ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        if (command.Arguments.Count == 0 && parsed.UnmatchedTokens is [var unknown, ..] && !unknown.StartsWith('-') && command.Subcommands.Count > 0)
        {
            string advice = Advice(unknown, command.Subcommands.Select(known => known.Name), Help(command));
            throw new UsageException($"Unknown command '{unknown}'{advice}");
        }
        Option[] options = [.. Options(parsed.CommandResult)];
        Option? before = null;
        foreach (string arg in args.TakeWhile(arg => arg != EndOfOptions))
        {
            string name = arg.Split('=', ':', ' ', '\n')[0];
            Option? option = Array.Find(options, option => IsNamed(option, name));
            if (option is null && LooksLikeOption(arg, options))
                throw new UsageException(Sentence(arg, name, command, options, before));
            before = option is { Arity.MaximumNumberOfValues: > 0 } && name.Length == arg.Length ? option : null;
        }
        foreach (Option option in options)
        {
            // A text may be empty, the name of a file may not: a variable of the shell was not set.
            if (option.HelpName != "TEXT" && parsed.GetResult(option) is { } result && result.Tokens.Any(token => token.Value.Length == 0))
                throw new UsageException($"{option.Name} is empty; give it a value, or leave it out.");
        }
        foreach (Argument argument in command.Arguments.Where(argument => !Texts.Contains(argument.Name)))
        {
            if (parsed.GetResult(argument) is { } result && result.Tokens.Any(token => token.Value.Length == 0))
                throw new UsageException($"The argument {argument.Name} is empty; give it a value, or leave it out.");
        }
    }

    /// <summary>The name nearest to what was typed; null where none is near.</summary>
    internal static string? Nearest(string typed, IEnumerable<string> names)
    {
        const int Longest = 40;
        string word = typed.TrimStart('-');
        return word.Length > Longest ? null : names
            .Select(name => (Name: name, Distance: Distance(word, name.TrimStart('-'))))
            .Where(known => known.Distance <= Math.Max(1, word.Length / 3)
                || word.Length > 1 && known.Name.TrimStart('-').StartsWith(word, StringComparison.Ordinal))
            .OrderBy(known => known.Distance).ThenBy(known => known.Name, StringComparer.Ordinal)
            .Select(known => known.Name).FirstOrDefault();
    }

    private static string Sentence(string arg, string name, Command command, Option[] options, Option? before)
    {
        string names = $"'{CommandLineName(command)}' has no option '{name}'";
        IEnumerable<string> visible = options.Where(option => !option.Hidden).Select(option => option.Name);
        return before is not null ? $"{names}; if it is the value of {before.Name}, write {before.Name}={arg}."
            : names + Advice(name, visible, Help(command)) + (command.Arguments.Count > 0 ? " Text that begins with -- goes after a --." : "");
    }

    private static string Advice(string typed, IEnumerable<string> names, string help) =>
        Nearest(typed, names) is { } near ? $"; did you mean {near}?" : $"; {help} lists them.";

    private static string Help(Command command) => $"'{CommandLineName(command)} --help'";

    private static string CommandLineName(Command command) =>
        command is RootCommand ? "gptoss" : $"{CommandLineName((Command)command.Parents.First())} {command.Name}";

    // Two dashes mean an option; one dash only if it is an option's whole name, because text may begin with a dash.
    private static bool LooksLikeOption(string arg, Option[] options) =>
        arg.StartsWith("--", StringComparison.Ordinal)
        || arg.StartsWith('-') && Array.Exists(options, option => option.Name == "-" + arg.Split('=', ':')[0]);

    private static bool IsNamed(Option option, string name) => option.Name == name || option.Aliases.Contains(name);

    /// <summary>A command's own options, and the recursive ones of the commands above it.</summary>
    private static IEnumerable<Option> Options(CommandResult result)
    {
        IEnumerable<Option> own = result.Command.Options;
        for (SymbolResult? above = result.Parent; above is CommandResult parent; above = parent.Parent)
            own = own.Concat(parent.Command.Options.Where(option => option.Recursive));
        return own;
    }

    /// <summary>Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.</summary>
    private static int Distance(string from, string to)
    {
        int[,] best = new int[from.Length + 1, to.Length + 1];
        for (int i = 0; i <= from.Length; i++)
        {
            for (int j = 0; j <= to.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    best[i, j] = i + j;
                    continue;
                }
                int replaced = best[i - 1, j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
                best[i, j] = Math.Min(replaced, Math.Min(best[i - 1, j], best[i, j - 1]) + 1);
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                    best[i, j] = Math.Min(best[i, j], best[i - 2, j - 2] + 1);
            }
        }
        return best[from.Length, to.Length];
    }
}
