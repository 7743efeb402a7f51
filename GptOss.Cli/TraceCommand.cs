using System.CommandLine;

namespace GptOss.Cli;

/// <summary><c>gptoss trace</c>: every stage of the forward pass, as files in the format of the golden packs.</summary>
internal static class TraceCommand
{
    internal static Command Create(Terminal terminal)
    {
        var recording = new Recording(terminal, "trace");
        Command command = recording.Command("Runs token ids and writes every stage of the forward pass as safetensors, with a manifest.");
        command.SetAction(parsed => recording.Run(parsed, pack: null));
        return command;
    }
}
