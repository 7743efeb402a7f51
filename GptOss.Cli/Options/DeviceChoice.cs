using System.CommandLine;
using System.Globalization;
using GptOss.Cli.Terminals;
using GptOss.Reference.Cuda;

namespace GptOss.Cli.Options;

/// <summary>Where a model runs: <c>--device</c>. Nothing of a GPU is loaded unless one is asked for.</summary>
/// <param name="Ordinal">The GPU's number; null for the processor.</param>
/// <param name="IsAuto">Whether the processor takes over where the GPU cannot be opened or does not run the model.</param>
internal sealed record DeviceChoice(int? Ordinal, bool IsAuto = false)
{
    internal const string Name = "--device";
    private const string Cuda = "cuda";

    /// <summary><c>--device</c>.</summary>
    internal static Option<DeviceChoice?> Option() => new(Name)
    {
        Description = "Where the model runs: cpu, the default; cuda or cuda:N, an NVIDIA GPU, with the processor for the experts that do not fit "
            + "there; auto, the first GPU, or the processor where that cannot be opened or does not run the model. Changes no bit of the result.",
        HelpName = "cpu|cuda[:N]|auto",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (Parse(text) is { } choice)
                return choice;
            result.AddError($"{Name} is '{text}'; expected cpu, cuda, cuda:N or auto.");
            return null;
        },
    };

    /// <summary>Opens the GPU; null for the processor. The terminal closes it at the end.</summary>
    /// <exception cref="DeviceException">It cannot be opened, and was asked for.</exception>
    internal CudaDevice? Open(Terminal terminal)
    {
        if (Ordinal is not { } ordinal)
            return null;
        void Say(string why) => terminal.Error.WriteLine($"{why} Running on the processor.");
        try
        {
            return terminal.Own(CudaDevice.Open(ordinal, driver: null, IsAuto ? Say : null));
        }
        catch (DeviceException e) when (IsAuto)
        {
            Say(e.Message);
            return null;
        }
    }

    private static DeviceChoice? Parse(string text) => text switch
    {
        "cpu" => new(Ordinal: null),
        "auto" => new(0, IsAuto: true),
        Cuda => new(0),
        _ when text.StartsWith($"{Cuda}:", StringComparison.Ordinal)
            && int.TryParse(text[(Cuda.Length + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int ordinal) => new(ordinal),
        _ => null,
    };
}
