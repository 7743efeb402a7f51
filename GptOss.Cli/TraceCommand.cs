using System.CommandLine;

namespace GptOss.Cli;

/// <summary><c>gptoss trace</c>: every stage of the forward pass, as files in the format of the golden packs, and what its routers chose.</summary>
internal static class TraceCommand
{
    internal static Command Create(Terminal terminal)
    {
        var routing = new Option<string?>("--routing")
        {
            Description = "Writes the experts, weights and margins of every token and layer as JSON lines; --out is not needed then.",
            HelpName = "FILE",
        };
        Option<string?> replay = ReplayOption.Create();
        var recording = new Recording(terminal, "trace", needsFolder: false);
        Command command = recording.Command("Runs token ids and writes every stage of the forward pass as safetensors, with a manifest.", routing, replay);
        command.SetAction(parsed => recording.Run(parsed, routing: parsed.GetValue(routing), replay: parsed.GetValue(replay)));
        return command;
    }
}
