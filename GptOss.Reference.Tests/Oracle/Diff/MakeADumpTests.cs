using System.Diagnostics;
using System.Text.RegularExpressions;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.TestPlatform;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Diff;

/// <summary>What docs/make-a-dump.md shows is run, or held to the names that are known.</summary>
public sealed class MakeADumpTests : IDisposable
{
    /// <summary>What numpy 1.24.2 made of the page's first snippet.</summary>
    private const string NumpyWrote =
        "UEsDBBQAAAAAAAAAIQDeRqGNmAAAAJgAAAAKABQAbG9naXRzLm5weQEAEACYAAAAAAAAAJgAAAAAAAAAk05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5f"
        + "b3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAA/"
        + "AACgvwAAQEAAAABAAAAAPgAA8MBQSwMEFAAAAAAAAAAhAKzLR0iIAAAAiAAAABgAFABibG9jay4wLm1scC5yZXNpZHVhbC5ucHkBABAAiAAAAAAAAACIAAAAAAAAAJNO"
        + "VU1QWQEAdgB7J2Rlc2NyJzogJzxmMicsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgyLCAyKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAg"
        + "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKADwAQABCAERQSwMEFAAAAAAAAAAhAIRksU2QAAAAkAAAAA0AFABwb3NpdGlvbnMubnB5AQAQAJAAAAAAAAAAkAAA"
        + "AAAAAACTTlVNUFkBAHYAeydkZXNjcic6ICc8aTgnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwpLCB9ICAgICAgICAgICAgICAgICAgICAgICAg"
        + "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgCgAAAAAAAAAABQAAAAAAAABQSwECFAMUAAAAAAAAACEA3kahjZgAAACYAAAACgAAAAAAAAAAAAAAgAEA"
        + "AAAAbG9naXRzLm5weVBLAQIUAxQAAAAAAAAAIQCsy0dIiAAAAIgAAAAYAAAAAAAAAAAAAACAAdQAAABibG9jay4wLm1scC5yZXNpZHVhbC5ucHlQSwECFAMUAAAAAAAA"
        + "ACEAhGSxTZAAAACQAAAADQAAAAAAAAAAAAAAgAGmAQAAcG9zaXRpb25zLm5weVBLBQYAAAAAAwADALkAAAB1AgAAAAA=";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_numpy_wrote_is_read()
    {
        RequireNumpyDump(_folder.Write("recorded.npz", Convert.FromBase64String(NumpyWrote)));
        if (RunPython(Snippet("numpy", "python"), "numpy"))
            RequireNumpyDump(_folder.File("dump.npz"));

        static void RequireNumpyDump(string path)
        {
            using Dump dump = Dump.Open(path);
            Assert.Equal([0, 5], dump.Positions);
            Assert.Equal([0.5, -1.25, 3, 2, 0.125, -7.5], Values(dump.Logits(3)));
            Assert.True(dump.TryGet("block.0.mlp.residual", out DumpTensor? residual));
            Assert.Equal([1, 2, 3, 4], Values(residual));
        }
    }

    [Fact]
    public void What_Python_writes_as_JSON_is_read()
    {
        Assert.SkipUnless(RunPython(Snippet("json", "python"), "json"), "There is no python3.");
        using Dump dump = Dump.Open(_folder.File("dump.json"));
        Assert.Equal([0, 5], dump.Positions);
        Assert.Equal([0.5, -1.25, 3, 2, 0.125, double.NaN], Values(dump.Logits(3)));
    }

    [Fact]
    public void The_list_of_log_probabilities_is_read()
    {
        ListedLogProbabilities read = ListedLogProbabilities.Read(_folder.Write("list.json", Regex.Match(Page(), @"```json\n(.*?)```", RegexOptions.Singleline).Groups[1].Value));
        Assert.Equal([2, null, 1], read.Rows.Select(row => row?.Count));
    }

    [Fact]
    public void The_table_of_names_is_the_one_that_is_known()
    {
        var shown = new HashSet<string>();
        foreach (string row in Snippet("names", null).Split('\n').Where(row => row.StartsWith("| `", StringComparison.Ordinal)))
        {
            string[] cells = row.Split('|');
            string stage = cells[1].Trim().Trim('`').Replace(".N.", ".7.", StringComparison.Ordinal);
            foreach (Match name in Regex.Matches(string.Join('|', cells[2..]), "`([^`]+)`"))
            {
                shown.Add(name.Groups[1].Value);
                string concrete = Regex.Replace(name.Groups[1].Value, @"\bN\b", "7");
                Assert.True(concrete == stage || StageMap.BuiltIn.Find(concrete)?.Key.Name == stage, $"{name.Groups[1].Value} is not {stage}.");
            }
        }
        // Other spellings of one name, and names of packs, need no mention.
        string[] silent = ["Qcur-N", "Kcur-N", "model.layers.N.mlp.router", "logits.last", "sound"];
        Assert.Empty(StageAliases.All.SelectMany(alias => alias.Names).Except(shown).Except(silent));
    }

    [Fact]
    public void The_transformers_snippet_hooks_the_modules_that_are_known()
    {
        string snippet = Snippet("transformers", "python");
        string[] outputs = Words(Regex.Match(snippet, @"outputs = \(([^)]*)\)").Groups[1].Value), inputs = Words(Regex.Match(snippet, @"inputs = \(([^)]*)\)").Groups[1].Value);
        string[] known = [.. StageAliases.All.SelectMany(alias => alias.Names).Where(name => name.StartsWith("model.", StringComparison.Ordinal) || name == "lm_head")];
        Assert.Equal(known.Where(name => name.EndsWith(".input", StringComparison.Ordinal)).Select(name => name.Split('.')[^2]).Distinct().Order(), inputs.Order());
        Assert.Equal(
            known.Where(name => !name.EndsWith(".input", StringComparison.Ordinal)).Select(name => Regex.Replace(name, @"\.[0-9]$", "").Split('.')[^1]).Where(last => last != "N").Distinct().Order(),
            outputs.Order());
        Assert.Contains("keep(f\"{name}.{i}\", part)", snippet, StringComparison.Ordinal);
    }

    [Fact]
    public void The_callback_wants_the_tensors_that_are_known()
    {
        string snippet = Snippet("llama.cpp", "cpp");
        string[] wanted = Words(Regex.Match(snippet, @"wanted\[\] = \{([^}]*)\}").Groups[1].Value);
        IEnumerable<string> known = StageAliases.All.SelectMany(alias => alias.Names).Where(name => Regex.IsMatch(name, @"^([A-Za-z_]+-N|result_.*)"))
            .Select(name => Regex.Replace(name, "N(#[0-9])?$", "")).Distinct();
        Assert.Equal(known.Order(StringComparer.Ordinal), wanted.Order(StringComparer.Ordinal));
    }

    private static string[] Words(string list) => [.. Regex.Matches(list, "\"([^\"]+)\"").Select(match => match.Groups[1].Value)];

    private static double[] Values(DumpTensor tensor)
    {
        double[] values = new double[tensor.Rows * tensor.Width];
        for (int row = 0; row < tensor.Rows; row++)
            tensor.ReadRow(row, values.AsSpan(row * tensor.Width, tensor.Width));
        return values;
    }

    private static string Page()
    {
        Assert.SkipWhen(Repository.Root is null, "The sources are not here.");
        return File.ReadAllText(Path.Combine(Repository.Root!, "docs", "make-a-dump.md"));
    }

    private static string Snippet(string mark, string? language)
    {
        string between = Page().Split($"<!-- {mark} -->\n")[1];
        return language is null ? between : between.Split($"```{language}\n")[1].Split("```")[0];
    }

    /// <summary>False where there is no Python, or no such module.</summary>
    private bool RunPython(string code, string module)
    {
        try
        {
            return Run($"import {module}") && (Run(code) ? true : throw new InvalidOperationException("The snippet failed."));
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }

        bool Run(string text)
        {
            using Process process = Process.Start(new ProcessStartInfo("python3", ["-"]) { WorkingDirectory = _folder.Path, RedirectStandardInput = true, RedirectStandardError = true })!;
            process.StandardInput.Write(text);
            process.StandardInput.Close();
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
    }
}
