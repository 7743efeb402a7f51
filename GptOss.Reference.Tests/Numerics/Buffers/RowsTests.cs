using GptOss.Reference.Numerics.Buffers;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Buffers;

public class RowsTests
{
    private static readonly float[] Data = [.. Enumerable.Range(0, 40).Select(i => (float)i)];

    [Fact]
    public void A_view_of_rows_and_columns_shows_its_elements()
    {
        Rows rows = new(Data, 3, 8, 12);
        Assert.Equal([12, 13, 14, 15, 16, 17, 18, 19], rows[1].ToArray());
        Assert.Equal([14, 15, 16], rows.Columns(2, 3)[1].ToArray());
        Assert.Equal([26, 27, 28], rows.Slice(1, 2).Columns(2, 3)[1].ToArray());
        Assert.Equal(0, rows.Slice(3, 0).Count);
        Assert.Equal(0, rows.Columns(8, 0).Width);
        Assert.Equal([8, 9, 10, 11, 12, 13, 14, 15], new Rows(Data, 6, 4, 4).Joined(2)[1].ToArray());
        float[] copy = new float[24];
        rows.CopyTo(new(copy, 3, 8, 8));
        Assert.Equal(rows[2].ToArray(), copy[16..]);
    }

    [Fact]
    public void A_wrong_shape_throws_where_it_is_made()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new Rows(Data, -1, 8, 8));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Rows(Data, 1, -1, 8));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Rows(Data, 2, 8, 7));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Rows(Data, 4, 8, 12));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Rows(Data, int.MaxValue, 8, int.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Rows(Data, 3, 8, 12)[3].Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Rows(Data, 3, 8, 12)[-1].Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Rows(Data, 3, 8, 12).Columns(6, 3).Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Rows(Data, 3, 8, 12).Slice(2, 2).Count);
        Assert.Throws<InvalidOperationException>(() => new Rows(Data, 3, 8, 12).Joined(3).Count);
        Assert.Throws<InvalidOperationException>(() => new Rows(Data, 3, 8, 8).Joined(2).Count);
        Assert.Throws<ArgumentException>(() => new Rows(Data, 3, 8, 8).CopyTo(new(new float[40], 2, 8, 8)));
    }
}
