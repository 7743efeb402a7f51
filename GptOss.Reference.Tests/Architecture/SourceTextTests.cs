using Xunit;

namespace GptOss.Reference.Tests.Architecture;

public class SourceTextTests
{
    /// <summary>In the right column a · stands where a character was blanked.</summary>
    [Theory]
    [InlineData("""a // b""",                     """a ····""")]
    [InlineData("a /* b\nc */ d",                 "a ····\n···· d")]
    [InlineData("""/* never closed""",            """···············""")]
    [InlineData("""x = "// \" y"; z""",           """x = ·········; z""")]
    [InlineData("""x = ""; y""",                  """x = ··; y""")]
    [InlineData("""x = @"\"; y""",                """x = @···; y""")]
    [InlineData("""x = @"a""b"; y""",             """x = @······; y""")]
    [InlineData("""c = '"'; y""",                 """c = ···; y""")]
    [InlineData("""c = '\''; y""",                """c = ····; y""")]
    [InlineData("""c = '\u0041'; y""",            """c = ········; y""")]
    [InlineData("#region don't\nx",               "#region don't\nx")]
    [InlineData("""$"a {b} c"; d""",              """$····b····; d""")]
    [InlineData("""$"a {{b}} c"; d""",            """$···········; d""")]
    [InlineData("""$"{f("q")} c"; d""",           """$··f(···)····; d""")]
    [InlineData("""$"{new { A = 1 }}"; d""",      """$··new { A = 1 }··; d""")]
    [InlineData(""""_ = """a "b" // c"""; d"""",  """_ = ················; d""")]
    [InlineData(""""$$"""{b} {{c}} """; d"""",    """$$·········c······; d""")]
    [InlineData("""@class = 1""",                 """@class = 1""")]
    public void Only_code_is_left_and_it_stays_where_it_was(string source, string code) =>
        Assert.Equal(code.Replace('·', ' '), SourceText.CodeOnly(source));
}
