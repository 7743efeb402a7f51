using GptOss.Cli.Terminals;
using Xunit;

namespace GptOss.Reference.Tests.Cli.Terminals;

public class LineEditorTests
{
    private static readonly ConsoleKeyInfo Enter = new('\r', ConsoleKey.Enter, false, false, false);
    private static readonly ConsoleKeyInfo Up = Key(ConsoleKey.UpArrow), Down = Key(ConsoleKey.DownArrow), Left = Key(ConsoleKey.LeftArrow), Home = Key(ConsoleKey.Home);

    [Fact]
    public void What_is_typed_is_read() => Assert.Equal("héllo 💖", Read([.. Typed("héllo 💖"), Enter]));

    [Fact]
    public void Keys_edit()
    {
        Assert.Equal("abXd", Read([.. Typed("abcd"), Left, Key(ConsoleKey.Backspace), .. Typed("X"), Enter]));
        Assert.Equal("one ", Read([.. Typed("one two"), Control(ConsoleKey.W), Enter]));
        Assert.Equal("two", Read([.. Typed("one "), Control(ConsoleKey.U), .. Typed("two"), Enter]));
        Assert.Equal("a", Read([.. Typed("abc"), Home, Key(ConsoleKey.RightArrow), Control(ConsoleKey.K), Enter]));
        Assert.Equal("bc", Read([.. Typed("abc"), Home, Key(ConsoleKey.Delete), Enter]));
        Assert.Equal("💖", Read([.. Typed("💖💖"), Key(ConsoleKey.Backspace), Enter]));
        Assert.Equal("new", Read([.. Typed("old"), Control(ConsoleKey.C), .. Typed("new"), Enter]));
    }

    [Fact]
    public void Control_d_ends_only_an_empty_line()
    {
        Assert.Null(Read([Control(ConsoleKey.D)]));
        Assert.Equal("ac", Read([.. Typed("abc"), Left, Left, Control(ConsoleKey.D), Enter]));
    }

    [Fact]
    public void Arrows_go_through_what_was_said_and_back_to_what_was_begun()
    {
        var keys = new Keys([.. Typed("dra"), Up, Up, Up, Enter, .. Typed("dra"), Up, Up, Down, Down, Down, .. Typed("ft"), Enter]);
        var editor = new LineEditor(keys, TextWriter.Null);
        foreach (string said in new[] { "first", "second", "second", "" })
            editor.Remember(said);
        Assert.Equal("first", editor.Read("> "));
        Assert.Equal("draft", editor.Read("> "));
    }

    [Fact]
    public void A_line_end_inside_pasted_text_is_part_of_it()
    {
        var keys = new Keys([.. Typed("one"), Enter, .. Typed("two"), Enter]) { IsPasted = true };
        Assert.Equal("one\ntwo", new LineEditor(keys, TextWriter.Null).Read("> "));
    }

    [Fact]
    public void A_long_line_scrolls_on_its_row()
    {
        var screen = new StringWriter();
        new LineEditor(new Keys([.. Typed(new string('a', 30) + "漢字漢字"), Enter]), screen).Read("> ");
        string last = screen.ToString().Split('\r')[^2];
        Assert.StartsWith("> ", last, StringComparison.Ordinal);
        Assert.EndsWith("漢字漢字\u001b[K", last, StringComparison.Ordinal);
        Assert.True(LineEditor.Width(last[..^3]) <= 20, last);
    }

    [Theory]
    [InlineData("abc", 3)]
    [InlineData("漢字", 4)]
    [InlineData("e\u0301", 1)]
    [InlineData("💖", 2)]
    public void Width_counts_columns(string text, int width) => Assert.Equal(width, LineEditor.Width(text));

    [Fact]
    public void Ctrl_C_clears_a_line_and_refuses_to_answer_a_question()
    {
        ConsoleKeyInfo[] keys = [.. Typed("yes"), Control(ConsoleKey.C), .. Typed("no"), Key(ConsoleKey.Enter)];
        Assert.Equal("no", Read(keys));
        Assert.Throws<OperationCanceledException>(() => new LineEditor(new Keys(keys), TextWriter.Null).Read("? ", isQuestion: true));
    }

    private static string? Read(ConsoleKeyInfo[] keys) => new LineEditor(new Keys(keys), TextWriter.Null).Read("> ");

    private static IEnumerable<ConsoleKeyInfo> Typed(string text) => text.Select(c => new ConsoleKeyInfo(c, default, false, false, false));

    private static ConsoleKeyInfo Key(ConsoleKey key) => new('\0', key, false, false, false);

    private static ConsoleKeyInfo Control(ConsoleKey key) => new('\0', key, false, false, true);

    private sealed class Keys(ConsoleKeyInfo[] keys) : IKeys
    {
        private int _next;

        internal bool IsPasted { get; init; }

        public bool HasNext => IsPasted && _next < keys.Length;

        public int Columns => 20;

        public ConsoleKeyInfo Next() => keys[_next++];
    }
}
