using GptOss.Reference.Numerics.Workers;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Workers;

public sealed class TopologyTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("0", new[] { 0 })]
    [InlineData("0-3", new[] { 0, 1, 2, 3 })]
    [InlineData("0-1,8,10-11\n", new[] { 0, 1, 8, 10, 11 })]
    [InlineData(" 2 , 4-5", new[] { 2, 4, 5 })]
    [InlineData("", new int[0])]
    [InlineData("junk,7,3-x", new[] { 7 })]
    [InlineData("5-2", new int[0])]
    [InlineData("0-2147483647,1", new[] { 1 })]                // no list of two thousand million processors
    [InlineData("2147483640-2147483647,1", new[] { 1 })]
    public void Processor_lists_are_read(string list, int[] expected) => Assert.Equal(expected, Topology.ParseList(list).Order());

    [Fact]
    public void Two_hardware_threads_of_a_core_count_once()
    {
        Siblings("0,4", "1,5", "2,6", "3,7", "0,4", "1,5", "2,6", "3,7");
        Assert.Equal(AtMostHere(4), Count());
        Assert.Equal(AtMostHere(1), Count(0, 4));
        Assert.Equal(AtMostHere(2), Count(0, 5));
        Assert.Equal(AtMostHere(3), Count(1, 2, 3, 5, 6, 7));
    }

    [Fact]
    public void Folders_that_are_not_processors_are_skipped()
    {
        Siblings("0-1", "0-1");
        _folder.Write("cpufreq/x", "");
        _folder.Write("cpuidle/x", "");
        Assert.Equal(1, Count());
    }

    [Fact]
    public void A_processor_that_is_switched_off_does_not_hide_the_others()
    {
        Siblings("0-1", "0-1");
        Directory.CreateDirectory(_folder.File("cpu2"));      // no topology while it is off
        Assert.Equal(1, Count());
    }

    [Fact]
    public void Without_a_topology_the_processors_count()
    {
        Assert.Equal(Environment.ProcessorCount, Count());
        Assert.Equal(Environment.ProcessorCount, Topology.Count(_folder.File("missing"), null));
        Siblings("0-1", "0-1");
        Assert.Equal(Environment.ProcessorCount, Count(17));      // none of the allowed processors is there
    }

    [Fact]
    public void This_machine_has_a_core() => Assert.InRange(Topology.PhysicalCores, 1, Environment.ProcessorCount);

    private static int AtMostHere(int cores) => Math.Min(cores, Environment.ProcessorCount);

    private int Count(params int[] allowed) => Topology.Count(_folder.Path, allowed.Length == 0 ? null : [.. allowed]);

    private void Siblings(params string[] lists)
    {
        for (int cpu = 0; cpu < lists.Length; cpu++)
            _folder.Write($"cpu{cpu}/topology/thread_siblings_list", lists[cpu] + "\n");
    }
}
