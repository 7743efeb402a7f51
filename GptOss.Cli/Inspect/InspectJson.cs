using GptOss.Cli.Output;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;

namespace GptOss.Cli.Inspect;

/// <summary>The object that <c>inspect --json</c> prints.</summary>
internal static class InspectJson
{
    internal static string Of(InspectCommand.Subject subject, MemoryNeed memory, int context, long? numbersChecked, InspectDevice? device) =>
        JsonText.Of(json =>
    {
        GptOssConfig c = subject.Config;
        json.WriteStartObject();
        if (subject.Folder is not null)
        {
            json.WriteString("folder", subject.Folder);
            json.WriteString("layout", subject.Layout switch { CheckpointLayout.Original => "original", CheckpointLayout.HuggingFace =>
                "huggingface", _ => "gguf" });
        }
        json.WriteStartObject("config");
        ConfigWriter.WriteProperties(json, c);
        if (!c.RoundsYarnBounds)
            json.WriteString("yarn_bounds", "published");
        json.WriteEndObject();

        var count = ParameterCount.From(c);
        json.WriteStartObject("parameters");
        json.WriteNumber("mlp", count.Mlp);
        json.WriteNumber("attention", count.Attention);
        json.WriteNumber("embedding", count.Embedding);
        json.WriteNumber("unembedding", count.Unembedding);
        json.WriteNumber("final_norm", count.FinalNorm);
        json.WriteNumber("active", count.Active);
        json.WriteNumber("total", count.Total);
        json.WriteNumber("mxfp4", count.Mxfp4);
        json.WriteNumber("tensor_bytes", count.TensorBytes);
        json.WriteEndObject();

        json.WriteStartObject("card");
        foreach ((string name, long value) in InspectCommand.CardRows(count))
            json.WriteString(name, Text.Billions(value));
        json.WriteString("checkpoint", Text.Short(count.TensorBytes));
        json.WriteEndObject();

        json.WriteStartObject("memory");
        json.WriteNumber("context", context);
        json.WriteNumber("weights_bytes", memory.Weights);
        json.WriteNumber("sliding_cache_bytes", memory.SlidingCache);
        json.WriteNumber("full_cache_bytes", memory.FullCache);
        json.WriteNumber("scratch_bytes", memory.Scratch);
        json.WriteNumber("total_bytes", memory.Total);
        json.WriteNumber("present_bytes", InspectCommand.PresentBytes);
        json.WriteEndObject();

        device?.Write(json);
        if (numbersChecked is { } numbers)
            json.WriteNumber("numbers_checked", numbers);
        json.WriteStartArray("tensors");
        foreach (InspectCommand.Tensor tensor in subject.Tensors)
        {
            json.WriteStartObject();
            json.WriteString("name", tensor.Name);
            json.WriteString("dtype", tensor.Format);
            json.WriteStartArray("shape");
            foreach (long size in tensor.Shape)
                json.WriteNumberValue(size);
            json.WriteEndArray();
            json.WriteNumber("bytes", tensor.Bytes);
            if (tensor.File is not null)
                json.WriteString("file", tensor.File);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });
}
