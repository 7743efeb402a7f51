using System.Globalization;
using System.Text.Json;
using GptOss.Cli.Output;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Cuda;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Ceilings;

namespace GptOss.Cli.Inspect;

/// <summary>
/// What of a model fits on a GPU, and how fast a token can be at most: the bytes that it reads, at the bandwidth that was measured now. No figure is
/// taken from a data sheet.
/// </summary>
/// <param name="Name">What the GPU is called.</param>
/// <param name="Fitting">What fits.</param>
/// <param name="Copies">Bytes a second that copies on the GPU reached.</param>
/// <param name="Host">Bytes a second that the processor read; null if nothing is left for it.</param>
/// <param name="TokenBytes">Bytes that a decoded token reads on the GPU.</param>
/// <param name="HostTokenBytes">Bytes that it reads on the processor.</param>
internal sealed record InspectDevice(string Name, Placement Fitting, double Copies, double? Host, long TokenBytes, long HostTokenBytes)
{
    // More than caches hold, and read in a moment.
    private const long HostBytes = 1L << 30;

    /// <summary>The most tokens a second that these bandwidths allow.</summary>
    private double MostTokens => 1 / (TokenBytes / Copies + (Host is { } host ? HostTokenBytes / host : 0));

    /// <summary>Looks and measures; null where the processor is to take over.</summary>
    /// <exception cref="DeviceException">Not even what has to be there fits.</exception>
    internal static InspectDevice? Of(CudaDevice device, GptOssConfig config, int context, ModelOptions run)
    {
        device.ContextTokens = context;
        Placement fitting;
        try
        {
            fitting = device.Fitting(config, run.CacheBytes);
        }
        catch (DeviceException e) when (device.Refused is not null)
        {
            device.Refused(e.Message);
            return null;
        }
        int hostLayers = fitting.Layers - fitting.ExpertLayers;
        long host = hostLayers * WorkPerToken.ExpertBytes(config), all = WorkPerToken.Bytes(config);
        double? hostSpeed = hostLayers == 0 ? null
            : MachineCeilings.Measure(run.Threads ?? Reference.Numerics.Workers.Topology.PhysicalCores, run.Width, HostBytes).ReadBytesPerSecond;
        return new(device.Name, fitting, device.MeasureCopies(), hostSpeed, all - host, host);
    }

    /// <summary>For people.</summary>
    internal string Table()
    {
        string experts = $"  experts of {Fitting.ExpertLayers} of {Fitting.Layers} layers";
        string table = Text.Table(
        [
            ["  attention and unembedding", Text.Bytes(Fitting.Dense)],
            [experts, Text.Bytes(Fitting.ExpertLayers * Fitting.Experts)],
            ["  working memory", Text.Bytes(Fitting.Work)],
            ["  keys and values", Text.Bytes(Fitting.Cache)],
            ["  free", Text.Bytes(Fitting.Free)],
        ]).TrimEnd();
        string host = Host is { } speed ? $" and {Text.Short(HostTokenBytes)} at the {Gigabytes(speed)} GB/s that the processor reads" : "";
        return $"On {Name}\n{table}\n  {Sentence}\n"
            + $"  At most {MostTokens.ToString("N0", CultureInfo.InvariantCulture)} tokens/s after a short prompt: "
            + $"a token reads {Text.Short(TokenBytes)} at the {Gigabytes(Copies)} GB/s that copies on the GPU reached now{host}.";
    }

    /// <summary>For machines.</summary>
    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("device");
        json.WriteString("name", Name);
        json.WriteNumber("free_bytes", Fitting.Free);
        json.WriteNumber("layers", Fitting.Layers);
        json.WriteNumber("expert_layers", Fitting.ExpertLayers);
        json.WriteNumber("dense_bytes", Fitting.Dense);
        json.WriteNumber("expert_layer_bytes", Fitting.Experts);
        json.WriteNumber("work_bytes", Fitting.Work);
        json.WriteNumber("cache_bytes", Fitting.Cache);
        json.WriteNumber("copy_bytes_per_s", Copies);
        if (Host is { } host)
            json.WriteNumber("processor_read_bytes_per_s", host);
        json.WriteNumber("most_tokens_per_s", MostTokens);
        json.WriteEndObject();
    }

    private string Sentence => Placement.Describe(Name, [.. Enumerable.Range(0, Fitting.Layers).Select(Fitting.Holds)]);

    private static string Gigabytes(double bytes) => (bytes / 1e9).ToString("N0", CultureInfo.InvariantCulture);
}
