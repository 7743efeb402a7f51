using GptOss.Reference.Model;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Routing;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Oracle.Verification;

namespace Documentation;

/// <summary>GptOss.Reference/Oracle/README.md.</summary>
public static class Oracle
{
    public static string Run(string checkpoint, string pack, string folder, ReadOnlyMemory<int> ids)
    {
        PackReport report = Verifier.Verify(GoldenPack.Open(pack));
        Console.WriteLine(report.Passed);                                       // True

        using var model = Transformer.Load(checkpoint);
        string hash = TraceFile.Write(model, ids, folder, new() { Positions = [0, 23], Stages = StageFilter.Parse("block.0.*,logits") });

        var statistics = new RoutingStatistics(model);
        Tracer.Run(model, ids, new() { Positions = [], Routing = statistics.Add });
        Console.WriteLine(statistics.Layers[0].EffectiveExperts);
        return hash;
    }
}
