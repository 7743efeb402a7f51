using System.CommandLine;
using GptOss.Reference.Oracle;

namespace GptOss.Cli;

/// <summary><c>gptoss pack</c>: a trace that others can rerun and judge, with its weights by seed or checksum and its budgets.</summary>
internal static class PackCommand
{
    internal static Command Create(Terminal terminal)
    {
        var recording = new Recording(terminal, "pack");
        Option<string?> budget = new("--budget")
        {
            Description = "Budgets to state in the pack, where they are not the published ones; docs/golden-packs.md shows the form.",
            HelpName = "FILE",
        };
        Command command = recording.Command(
            "Makes a golden pack: stages, logits hash, budgets and everything that is needed to rerun it. 'verify --pack' checks it.", budget);
        command.SetAction(parsed => recording.Run(parsed, new PackOptions
        {
            Budgets = parsed.GetValue(budget) is { } file ? Budgets.Read(file) : Budgets.Published,
            Reading = new ReadingProgress(terminal),
        }));
        return command;
    }
}
