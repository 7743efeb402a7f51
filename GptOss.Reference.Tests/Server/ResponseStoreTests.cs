using System.Text.Json;
using GptOss.Cli.Options;
using GptOss.Server;
using GptOss.Server.Responses;
using Xunit;

namespace GptOss.Reference.Tests.Server;

public sealed class ResponseStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("gptoss-store-").FullName;
    private readonly TimeProvider _clock = TimeProvider.System;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_response_is_found_by_its_owner_only_and_gone_once_deleted(bool isFile)
    {
        using IResponseStore store = Open(isFile);
        store.Add("me", Response("resp_1", null));
        Assert.Equal("resp_1", store.Find("me", "resp_1")?.Id);
        Assert.Null(store.Find("you", "resp_1"));
        Assert.False(store.Delete("you", "resp_1"));
        Assert.True(store.Delete("me", "resp_1"));
        Assert.Null(store.Find("me", "resp_1"));
        Assert.False(store.Delete("me", "resp_1"));
        Assert.Equal(0, store.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Deleting_a_response_leaves_those_that_continue_it_as_they_are(bool isFile)
    {
        using IResponseStore store = Open(isFile);
        store.Add("me", Response("resp_1", null));
        store.Add("me", Response("resp_2", store.Find("me", "resp_1")!.Context));
        store.Add("me", Response("resp_3", store.Find("me", "resp_2")!.Context));
        Assert.True(store.Delete("me", "resp_1"));
        Assert.True(store.Delete("me", "resp_2"));
        Assert.Equal(["in_resp_1", "out_resp_1", "in_resp_2", "out_resp_2", "in_resp_3"], store.Find("me", "resp_3")!.Context.Given().Select(Id));
        Assert.Equal(1, store.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_least_recently_used_go_first(bool isFile)
    {
        using IResponseStore store = Open(isFile, most: 3);
        foreach (string id in new[] { "a", "b", "c" })
        {
            store.Add("me", Response(id, null));
            Thread.Sleep(2);
        }

        Assert.NotNull(store.Find("me", "a"));
        Thread.Sleep(2);
        store.Add("me", Response("d", null));
        Assert.Null(store.Find("me", "b"));
        Assert.NotNull(store.Find("me", "a"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Items_are_found_by_their_id(bool isFile)
    {
        using IResponseStore store = Open(isFile);
        store.Add("me", Response("resp_1", null));
        Assert.Equal("out_resp_1", Id(store.FindItem("me", "out_resp_1")!.Value));
        Assert.Null(store.FindItem("you", "out_resp_1"));
        Assert.Null(store.FindItem("me", "nothing"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_item_is_found_as_long_as_a_response_that_is_kept_has_it_in_its_context(bool isFile)
    {
        using IResponseStore store = Open(isFile);
        store.Add("me", Response("resp_1", null));
        store.Add("me", Response("resp_2", store.Find("me", "resp_1")!.Context));
        store.Add("me", Response("resp_3", store.Find("me", "resp_1")!.Context));
        store.Delete("me", "resp_1");
        store.Delete("me", "resp_2");
        Assert.NotNull(store.FindItem("me", "in_resp_1"));
        Assert.Null(store.FindItem("me", "out_resp_2"));
        store.Delete("me", "resp_3");
        Assert.Null(store.FindItem("me", "in_resp_1"));
        Assert.Null(store.FindItem("me", "out_resp_3"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Of_items_with_one_id_the_one_that_was_kept_last_is_found(bool isFile)
    {
        using IResponseStore store = Open(isFile);
        StoredResponse With(string id, string text) => new(id, JsonElement.Parse("{}"), new StoredContext(id, null,
            [JsonElement.Parse($$"""{"id":"twice","text":"no"}"""), JsonElement.Parse($$"""{"id":"twice","text":"{{text}}"}""")],
            [JsonElement.Parse("""{"id":7}"""), JsonElement.Parse("{}")]));
        store.Add("me", With("resp_1", "first"));
        Thread.Sleep(2);
        store.Add("me", With("resp_2", "second"));
        Assert.Equal("second", store.FindItem("me", "twice")!.Value.GetProperty("text").GetString());
        store.Delete("me", "resp_2");
        Assert.Equal("first", store.FindItem("me", "twice")!.Value.GetProperty("text").GetString());
    }

    [Fact]
    public void Items_of_responses_that_are_too_old_are_gone()
    {
        var clock = new Clock();
        using var store = new MemoryStore(10, 1 << 20, TimeSpan.FromHours(1), clock);
        store.Add("me", Response("resp_1", null));
        clock.Now += TimeSpan.FromMinutes(50);
        Assert.NotNull(store.FindItem("me", "in_resp_1"));
        Assert.NotNull(store.Find("me", "resp_1"));
        clock.Now += TimeSpan.FromMinutes(11);
        Assert.Null(store.FindItem("me", "in_resp_1"));
        Assert.Equal(0, store.Count);
    }

    [Fact]
    public void A_file_outlives_the_server()
    {
        using (IResponseStore store = Open(isFile: true))
            store.Add("me", Response("resp_1", null));
        using IResponseStore again = Open(isFile: true);
        Assert.Equal("answer of resp_1", again.Find("me", "resp_1")!.Body.GetProperty("text").GetString());
    }

    [Fact]
    public void A_file_that_is_not_a_database_is_refused_in_one_sentence()
    {
        string file = Path.Combine(_folder, "text.db");
        File.WriteAllText(file, string.Concat(Enumerable.Repeat("not a database. ", 100)));
        ServerOptionsException refused = Assert.Throws<ServerOptionsException>(() => new SqliteStore(file, 10, _clock));
        Assert.StartsWith($"{file}: cannot be used as a store of responses: ", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_is_bounded_in_bytes_shared_contexts_counted_for_each()
    {
        using var store = new MemoryStore(1000, 20_000, TimeSpan.FromHours(1), _clock);
        StoredContext? before = null;
        for (int i = 0; i < 200; i++)
        {
            StoredResponse response = Response($"resp_{i}", before);
            store.Add("me", response);
            before = response.Context;
        }

        Assert.InRange(store.Count, 0, 20_000 / 100);
    }

    private IResponseStore Open(bool isFile, int most = 100) =>
        isFile ? new SqliteStore(Path.Combine(_folder, "responses.db"), most, _clock) : new MemoryStore(most, 1 << 20, TimeSpan.FromHours(1), _clock);

    private static StoredResponse Response(string id, StoredContext? before) =>
        new(id, JsonElement.Parse($$"""{"id":"{{id}}","text":"answer of {{id}}"}"""),
        new StoredContext(id, before, [JsonElement.Parse($$"""{"id":"in_{{id}}"}""")], [JsonElement.Parse($$"""{"id":"out_{{id}}"}""")]));

    private sealed class Clock : TimeProvider
    {
        internal DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch;

        public override DateTimeOffset GetUtcNow() => Now;
    }

    private static string Id(JsonElement item) => item.GetProperty("id").GetString()!;
}
