using System.CommandLine;

namespace GptOss.Cli.Options;

/// <summary>Options that several commands share are declared once and added as one.</summary>
internal static class OptionGroups
{
    /// <summary>Lets a command's initialiser take a group like an option.</summary>
    internal static void Add(this Command command, IEnumerable<Symbol> group)
    {
        foreach (Symbol symbol in group)
        {
            if (symbol is Argument argument)
                command.Arguments.Add(argument);
            else
                command.Options.Add((Option)symbol);
        }
    }
}
