using System.Security.Cryptography;
using GptOss.Reference.Model;
using Xunit;

namespace GptOss.Reference.Tests.Model;

public class LogitsHashTests
{
    [Fact]
    public void The_hash_is_that_of_little_endian_floats_however_they_are_cut()
    {
        float[] values = [.. Enumerable.Range(0, 10000).Select(i => i * 0.37f - 1000)];
        byte[] bytes = [.. values.SelectMany(BitConverter.GetBytes)];
        string expected = Convert.ToHexStringLower(SHA256.HashData(bytes));
        Assert.Equal(expected, SmallModels.Hash(values));
        using LogitsHash pieces = new();
        pieces.Add(values.AsSpan(0, 1));
        pieces.Add(default);
        _ = pieces.ToString();      // a look in between changes nothing
        pieces.Add(values.AsSpan(1));
        Assert.Equal(expected, pieces.ToString());
    }

    [Fact]
    public void All_NaNs_are_one_value_and_zeros_keep_their_sign()
    {
        float[] nans = [float.NaN, BitConverter.UInt32BitsToSingle(0x7F800001), BitConverter.UInt32BitsToSingle(0xFFC12345)];
        Assert.Single(nans.Select(nan => SmallModels.Hash([nan])).Distinct());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData([0x00, 0x00, 0xC0, 0x7F])), SmallModels.Hash([nans[2]]));
        Assert.NotEqual(SmallModels.Hash([0f]), SmallModels.Hash([-0f]));
        Assert.Equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", SmallModels.Hash([]));
    }
}
