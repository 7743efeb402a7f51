using GptOss.Server.Http;
using Xunit;

namespace GptOss.Reference.Tests.Server;

public sealed class RouterTests
{
    private readonly Router _router = new();

    public RouterTests()
    {
        foreach ((string method, string pattern) in new[]
        {
            ("GET", "/"), ("GET", "/v1/models"), ("GET", "/v1/models/{id}"), ("POST", "/v1/responses"), ("GET", "/v1/responses/{id}"),
            ("DELETE", "/v1/responses/{id}"), ("GET", "/v1/responses/{id}/input_items"),
        })
        {
            _router.Add(method, pattern, (_, _) => Task.CompletedTask);
        }
    }

    [Theory]
    [InlineData("GET", "/", "/", "")]
    [InlineData("HEAD", "/v1/models/", "/v1/models", "")]
    [InlineData("GET", "/v1/models/openai/gpt-oss-20b", "/v1/models/{id}", "openai/gpt-oss-20b")]
    [InlineData("GET", "/v1/models/openai%2Fgpt-oss-20b", "/v1/models/{id}", "openai/gpt-oss-20b")]
    [InlineData("GET", "/v1/responses/resp_1/input_items", "/v1/responses/{id}/input_items", "resp_1")]
    [InlineData("DELETE", "/v1/responses/resp_1", "/v1/responses/{id}", "resp_1")]
    public void A_path_finds_its_route(string method, string path, string pattern, string id)
    {
        (_, string foundId, string foundPattern) = _router.Find(method, path);
        Assert.Equal((pattern, id), (foundPattern, foundId));
    }

    [Fact]
    public void A_wrong_method_is_told_the_right_ones()
    {
        ApiException refused = Assert.Throws<ApiException>(() => _router.Find("PUT", "/v1/responses/resp_1"));
        Assert.Equal((405, "GET, HEAD, DELETE, OPTIONS"), (refused.Status, refused.Allow));
    }

    [Fact]
    public void A_path_that_lacks_v1_is_told_so()
    {
        ApiException refused = Assert.Throws<ApiException>(() => _router.Find("GET", "/models"));
        Assert.Equal((404, "There is no /models here. Did you mean /v1/models?"), (refused.Status, refused.Message));
        Assert.Equal("There is no /v2/models here.", Assert.Throws<ApiException>(() => _router.Find("GET", "/v2/models")).Message);
    }
}
