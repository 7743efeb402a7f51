using System.Text.Json;
using GptOss.Cli.Bench;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli.Bench;

public sealed class RowsBenchTests
{
    [Fact]
    public void Passes_of_each_number_of_rows_are_timed_after_each_context()
    {
        Answer answer = Run("bench", "--model", TestData.Tiny, "--rows", "1,3", "--context", "20,700", "--repeat", "2", "--json");
        Assert.True(answer.Code == 0, answer.Error);
        JsonElement[] runs = [.. answer.Json.GetProperty("runs").EnumerateArray()];
        Assert.Equal([(20, 1), (20, 3), (700, 1), (700, 3)],
            runs.Select(run => (run.GetProperty("context").GetInt32(), run.GetProperty("rows").GetInt32())));
        Assert.All(runs, run => Assert.Equal(2, run.GetProperty("seconds").EnumerateArray().Count(seconds => seconds.GetDouble() > 0)));
    }

    [Fact]
    public void The_table_says_what_a_row_adds() =>
        Assert.Equal(
            """
            passes of one sequence; medians of 3 runs

            context  rows  ms a pass  of 1 row  each more
                200     1      100.0      1.00
                200     3      160.0      1.60       30 %
              2,000     1      200.0      1.00
              2,000     2      220.0      1.10       10 %
            """,
            RowsBench.Table(
            [
                new(200, 1, [0.09, 0.1, 0.2]), new(200, 3, [0.1, 0.16, 0.17]), new(2000, 1, [0.1, 0.2, 0.3]), new(2000, 2, [0.1, 0.22, 0.3]),
            ]).ReplaceLineEndings());

    [Fact]
    public void Other_kinds_and_wrong_numbers_are_refused()
    {
        Assert.Equal(new(2, "", "--rows excludes --users and --peer.\n"),
            Run("bench", "--model", TestData.Tiny, "--rows", "1", "--users", "1"));
        Assert.Contains("--rows is '0'; expected numbers from 1 to 1024", Run("bench", "--model", TestData.Tiny, "--rows", "0").Error,
            StringComparison.Ordinal);
    }
}
