using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Formats.Blocks;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Products;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Products;

/// <summary>Products read nothing behind their weights and biases: a tensor may end where its file's mapping does.</summary>
[Trait("Category", "Numeric")]
public class LastBytesTests
{
    public static TheoryData<RegisterWidth, Precision> WidthsAndProfiles
    {
        get
        {
            TheoryData<RegisterWidth, Precision> data = [];
            foreach (RegisterWidth width in Enum.GetValues<RegisterWidth>())
            {
                foreach (Precision precision in Enum.GetValues<Precision>())
                    data.Add(width, precision);
            }
            return data;
        }
    }

    [Theory, MemberData(nameof(WidthsAndProfiles))]
    public void Nothing_behind_the_last_row_is_read(RegisterWidth width, Precision precision)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Needs mprotect.");
        ProductKernels kernels = EveryWidth.Kernels(width, precision).Products;
        foreach (int rows in new[] { 1, 3, 4, 7, 21 })
        {
            foreach (int columns in new[] { 32, 40, 96, 512, 544 })
            {
                foreach (int tokens in new[] { 1, 2, 3, 5, 13 })
                    Multiply(kernels, tokens, rows, columns);
            }
        }
    }

    private static void Multiply(ProductKernels kernels, int tokens, int rows, int columns)
    {
        int blocks = rows * columns / 32;
        using LastElements<byte> codes = new(16 * blocks), scales = new(blocks), gguf = new(17 * blocks), q8 = new(34 * blocks);
        using LastElements<byte> wide = new(4 * rows * columns);
        using LastElements<ushort> halves = new(rows * columns), bias = new(rows);
        List<Weights> all = [new PlainMatrix<F32Element>(wide.Memory, rows, columns, 1), new Bf16Matrix(halves.Memory, rows, columns)];
        if (columns % 32 == 0)
        {
            all.Add(new Mxfp4Experts(codes.Memory, scales.Memory, 1, rows, columns));
            all.Add(new Mxfp4Blocks(gguf.Memory, rows, columns, 1, arePairs: true));
            all.Add(new Mxfp4Blocks(gguf.Memory, rows, columns, 1, arePairs: false));
            all.Add(new BlockMatrix<Q8_0>(q8.Memory, rows, columns, 1));
        }
        Poisoned x = new(new Numbers(rows + columns).Rows(tokens, columns)), y = new(tokens, rows);
        foreach (Weights w in all)
        {
            kernels.Linear(x.Rows, w, new StoredVector(bias.Memory), y.Rows);
            for (int t = 0; t < tokens; t++)
                Assert.False(y.Rows[t].ContainsAnyExcept(0), $"{tokens} × [{rows}, {columns}] of {w.Format}");
        }
        y.RequireUntouched();
    }
}
