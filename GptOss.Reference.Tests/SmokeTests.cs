using Xunit;
namespace GptOss.Reference.Tests;
public class SmokeTests { [Fact] public void Runs() => Assert.True(true); }
