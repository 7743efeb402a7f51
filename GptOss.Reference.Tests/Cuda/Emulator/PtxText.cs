using System.Text.RegularExpressions;
using GptOss.Reference.Cuda;

namespace GptOss.Reference.Tests.Cuda.Emulator;

/// <summary>PTX that tests make: kernels of a few lines, and the shipped ones with something changed.</summary>
internal static class PtxText
{
    private const string Head = ".version 7.4\n.target sm_75\n.address_size 64\n";

    /// <summary>A module of one kernel <c>k</c> with an address <c>%rd0</c> and the thread's number <c>%r0</c>.</summary>
    internal static PtxModule Kernel(string body, string head = Head) => PtxModule.Parse(
        head + """
        .extern .shared .align 16 .b8 more[];
        .visible .entry k(
            .param .u64 k_param_0
        )
        {
            .reg .pred %p<8>;
            .reg .b32 %r<8>;
            .reg .f32 %f<8>;
            .reg .b64 %rd<8>;
            .shared .align 16 .b8 own[64];
            ld.param.u64 %rd0, [k_param_0];
            mov.u32 %r0, %tid.x;

        """ + body + "\n    ret;\n}\n");

    /// <summary>The shipped PTX with the first match of a pattern in one kernel replaced.</summary>
    internal static string Mutated(string kernel, string pattern, string replacement)
    {
        string text = KernelImage.Text;
        (int from, int to) = Body(kernel);
        string body = text[from..to], changed = new Regex(pattern, RegexOptions.Singleline).Replace(body, replacement, 1);
        return changed != body ? text[..from] + changed + text[to..] : throw new InvalidOperationException($"{kernel} has no '{pattern}'.");
    }

    /// <summary>The shipped PTX without one of the barriers of a kernel, once for each.</summary>
    internal static IEnumerable<string> WithoutBarriers(string kernel)
    {
        string text = KernelImage.Text;
        (int from, int to) = Body(kernel);
        for (int at = text.IndexOf("bar.sync", from, StringComparison.Ordinal); at >= 0 && at < to;
            at = text.IndexOf("bar.sync", at + 1, StringComparison.Ordinal))
        {
            yield return text[..at] + text[(text.IndexOf(';', at) + 1)..];
        }
    }

    private static (int From, int To) Body(string kernel)
    {
        int from = KernelImage.Text.IndexOf($".entry {kernel}(", StringComparison.Ordinal);
        return (from, KernelImage.Text.IndexOf("\n}", from, StringComparison.Ordinal));
    }
}
