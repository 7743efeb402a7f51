using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace GptOss.Benchmarks;

/// <summary>What one call does, so that a time can be read as a speed.</summary>
public interface IWork
{
    /// <summary>Bytes of weights or cache that one call reads, or 0 where memory is not the question.</summary>
    double BytesRead { get; }

    /// <summary>Multiplications and additions of one call, or 0.</summary>
    double Operations { get; }
}

/// <summary>Work over median time, in units of 10^9 a second.</summary>
internal sealed class ThroughputColumn(string name, Func<IWork, double> work) : IColumn
{
    public string Id => name;
    public string ColumnName => name;
    public bool AlwaysShow => true;
    public ColumnCategory Category => ColumnCategory.Custom;
    public int PriorityInCategory => 0;
    public bool IsNumeric => true;
    public UnitType UnitType => UnitType.Dimensionless;
    public string Legend => $"{name}, from the median";

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
    {
        if (!typeof(IWork).IsAssignableFrom(benchmarkCase.Descriptor.Type) || summary[benchmarkCase]?.ResultStatistics is not { } time)
            return "-";
        object instance = Activator.CreateInstance(benchmarkCase.Descriptor.Type)!;
        foreach (BenchmarkDotNet.Parameters.ParameterInstance parameter in benchmarkCase.Parameters.Items)
            benchmarkCase.Descriptor.Type.GetProperty(parameter.Name)!.SetValue(instance, parameter.Value);
        double amount = work((IWork)instance);
        return amount == 0 ? "-" : (amount / time.Median).ToString("F1");      // a median in nanoseconds gives 10^9 a second
    }

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);
}
