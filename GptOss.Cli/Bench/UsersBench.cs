using System.Diagnostics;
using System.Globalization;
using GptOss.Cli.Output;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Serving;

namespace GptOss.Cli.Bench;

/// <summary>What a number of users at once receive.</summary>
/// <param name="Users">How many.</param>
/// <param name="TokensPerSecond">Of all of them together, while every one is past its first token.</param>
/// <param name="FirstTokens">Seconds to each one's first token, where all arrive at once, ascending.</param>
/// <param name="LateFirstToken">Seconds to the first token of one more, who arrives while the others are being answered.</param>
internal sealed record UsersRun(int Users, double TokensPerSecond, double[] FirstTokens, double LateFirstToken);

/// <summary>Times the scheduler that serves: every user has a prompt of its own, none of which is kept from before.</summary>
internal sealed class UsersBench(Transformer model, int prompt, int tokens, CancellationToken cancellation)
{
    /// <summary>Times so many users.</summary>
    internal async Task<UsersRun> RunAsync(int users)
    {
        var options = new SchedulerOptions { MaxSequences = users + 1, CacheBytes = long.MaxValue, PrefixBytes = 0 };
        await using var scheduler = new Scheduler(model, options);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        long begin = Stopwatch.GetTimestamp();
        User[] all = [.. Enumerable.Range(0, users).Select(index => new User(scheduler.Submit(Request(index), enough.Token)))];
        await Task.WhenAll(all.Select(user => user.First.Task));
        long from = Stopwatch.GetTimestamp();
        int before = all.Sum(user => user.Count);
        while (all.Min(user => user.Count) < tokens && !all.All(user => user.Reading.IsCompleted))
            await Task.Delay(1, cancellation);
        double seconds = Stopwatch.GetElapsedTime(from).TotalSeconds;
        int made = all.Sum(user => user.Count) - before;

        long late = Stopwatch.GetTimestamp();
        var more = new User(scheduler.Submit(Request(users), enough.Token));
        double lateSeconds = Stopwatch.GetElapsedTime(late, await more.First.Task).TotalSeconds;
        await enough.CancelAsync();
        await Task.WhenAll(all.Append(more).Select(user => user.Reading));
        double[] first = [.. all.Select(user => Stopwatch.GetElapsedTime(begin, user.First.Task.Result).TotalSeconds).Order()];
        return new UsersRun(users, made / seconds, first, lateSeconds);
    }

    internal static string Json(int prompt, IEnumerable<UsersRun> runs) => JsonText.Of(json =>
    {
        json.WriteStartObject();
        json.WriteNumber("prompt", prompt);
        json.WriteStartArray("runs");
        foreach (UsersRun run in runs)
        {
            json.WriteStartObject();
            json.WriteNumber("users", run.Users);
            json.WriteNumber("tokens_per_s", run.TokensPerSecond);
            json.WriteStartArray("first_token_s");
            foreach (double seconds in run.FirstTokens)
                json.WriteNumberValue(seconds);
            json.WriteEndArray();
            json.WriteNumber("late_first_token_s", run.LateFirstToken);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });

    internal static string Table(int prompt, IEnumerable<UsersRun> runs)
    {
        string table = Text.Table(
        [
            ["users", "tokens/s", "each", "first token", "of the last", "of one more"],
            .. runs.Select(run => new[]
            {
                Of(run.Users, "N0"), Of(run.TokensPerSecond, "F2"), Of(run.TokensPerSecond / run.Users, "F2"),
                Of(run.FirstTokens[run.FirstTokens.Length / 2], "F1") + " s", Of(run.FirstTokens[^1], "F1") + " s",
                Of(run.LateFirstToken, "F1") + " s",
            }),
        ], 0, 1, 2, 3, 4, 5);
        return $"every user with a prompt of {Text.Count(prompt, "token")}; first tokens are medians, where all arrive at once\n\n{table}";
    }

    private static string Of(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private ServingRequest Request(int user)
    {
        var random = new Random(user + 1);
        return new ServingRequest { Prompt = Enumerable.Range(0, prompt).Select(_ => random.Next(model.Config.VocabSize)).ToArray() };
    }

    private sealed class User
    {
        private int _count;

        internal User(ServedGeneration generation) => Reading = ReadAsync(generation);

        /// <summary>When the first token came.</summary>
        internal TaskCompletionSource<long> First { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal Task Reading { get; }

        internal int Count => Volatile.Read(ref _count);

        private async Task ReadAsync(ServedGeneration generation)
        {
            try
            {
                await foreach (ServedToken _ in generation.ReadAsync())
                {
                    Interlocked.Increment(ref _count);
                    First.TrySetResult(Stopwatch.GetTimestamp());
                }
            }
            catch (OperationCanceledException)
            {
                First.TrySetCanceled();                                  // all have enough
            }
        }
    }
}
