using System.Globalization;
using GptOss.Reference.Generation;
using GptOss.Reference.Tokens;

namespace GptOss.Benchmarks;

/// <summary>
/// How many tokens does a pass bring where answers are guessed ahead? Recorded texts stand for what a model would say, so no model runs: what is
/// guessed right depends on the text alone. <c>-- speculation</c> prints it.
/// </summary>
internal static class SpeculationTexts
{
    private static readonly int[] Most = [2, 4, 8];

    /// <summary>What a guessed row adds to the time of a plain pass.</summary>
    private static readonly double[] Shares = [0.15, 0.3, 0.5];

    internal static void Print(TextWriter to)
    {
        string root = Root(), sampler = File.ReadAllText(Path.Combine(root, "GptOss.Reference", "Generation", "Sampler.cs"));
        (string Kind, string Prompt, string Answer)[] texts =
        [
            ("edit: a file of code with one name replaced", "Rename 'left' to 'kept' in this file.\n" + sampler,
                sampler.Replace("left", "kept", StringComparison.Ordinal)),
            ("JSON: records of one form", "List the prompts.\n", File.ReadAllText(Path.Combine(root, "testdata", "tiny-gpt-oss", "prompts.json"))),
            ("code: the same file, written anew", "Write a sampler.\n", sampler),
            ("prose: this project's front page", "Introduce the project.\n", File.ReadAllText(Path.Combine(root, "README.md"))),
        ];
        to.WriteLine("| text | tokens | " + string.Join(" | ", Most.Select(n => $"tokens a pass, N = {n}")) + " | "
            + string.Join(" | ", Shares.Select(share => string.Create(CultureInfo.InvariantCulture, $"N = 8, a row costs {share:P0}"))) + " |");
        to.WriteLine("| --- |" + string.Concat(Enumerable.Repeat(" --- |", 1 + Most.Length + Shares.Length)));
        foreach ((string kind, string prompt, string answer) in texts)
        {
            int[] before = Tokenizer.O200kHarmony.Encode(prompt), said = Tokenizer.O200kHarmony.Encode(answer);
            if (said.Length > 4000)
                said = said[..4000];
            IEnumerable<string> figures = Most.Select(n => TokensAPass(before, said, n).ToString("F2", CultureInfo.InvariantCulture))
                .Concat(Shares.Select(share => SpeedUp(before, said, share).ToString("F2", CultureInfo.InvariantCulture) + " times as fast"));
            to.WriteLine($"| {kind} | {said.Length:N0} | {string.Join(" | ", figures)} |");
        }
    }

    /// <summary>Where every guess is drafted.</summary>
    private static double TokensAPass(int[] prompt, int[] answer, int most)
    {
        int[] all = [.. prompt, .. answer], into = new int[most];
        int at = prompt.Length + 1, passes = 1;                   // the first token comes out of the prompt
        for (; at < all.Length; passes++)
            at += 1 + Right(all, at, into[..PromptLookup.Guess(all.AsSpan(0, at), into).Count]);
        return answer.Length / (double)passes;
    }

    /// <summary>Where it is decided as in a run in which a guessed row adds a share of a plain pass.</summary>
    private static double SpeedUp(int[] prompt, int[] answer, double share)
    {
        var drafting = new Drafting(8, PromptLookup.Guess, new PassCosts());
        int[] all = [.. prompt, .. answer], into = new int[8];
        double time = 1;
        for (int at = prompt.Length + 1; at < all.Length;)
        {
            Draft guess = drafting.Guess(all.AsSpan(0, at), into);
            int drafts = drafting.Choose(guess, 1, 1), right = Right(all, at, into[..drafts]);
            for (int i = 0; i <= right && i < guess.Count && at + i < all.Length; i++)
                drafting.Judge(guess.Kind, into[i] == all[at + i]);
            double seconds = 1 + share * drafts;
            drafting.Observe(1, drafts, seconds);
            time += seconds;
            at += 1 + right;
        }
        return answer.Length / time;
    }

    // The last token of an answer is not fed, so what is guessed right leaves one to a pass.
    private static int Right(int[] all, int at, int[] guess)
    {
        int right = 0;
        while (right < guess.Length && at + right < all.Length - 1 && guess[right] == all[at + right])
            right++;
        return right;
    }

    private static string Root()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "GptOss.sln")))
                return folder.FullName;
        }
        throw new DirectoryNotFoundException("The texts are files of the repository, and this program was built away from it.");
    }
}
