using System.CommandLine;
using System.Text.RegularExpressions;
using GptOss.Cli;
using GptOss.Cli.Terminals;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.TestPlatform;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli;

/// <summary>What holds for every command alike.</summary>
public sealed partial class UsageTests : IDisposable
{
    private const string Missing = "no-such-file";

    private readonly TemporaryFolder _folder = new();

    /// <summary>Every command that does something, as it is typed.</summary>
    public static TheoryData<string> Commands => [.. Leaves(Root(), "").Select(leaf => leaf.Path)];

    /// <summary>For every command a line that names a file or a checkpoint that is not there.</summary>
    public static TheoryData<string> BadInputs =>
    [
        $"bench --model {Missing}", $"bench --shape {Missing}", $"chat --model {Missing}",
        $"diagnose --model {Missing} --logits {Missing} --ids {Missing}",
        $"diff {Missing} {Missing}", $"explain --model {Missing} Hi", $"generate --model {Missing} Hi", $"generate --file {Missing}",
        $"generate --ids {Missing}",
        $"harmony render {Missing}", $"harmony parse {Missing}", $"harmony message {Missing}", $"harmony stream {Missing}",
        $"inspect --model {Missing}",
        $"inspect --shape {Missing}", $"inspect --routing --model {Missing} Hi", $"pack --model {Missing} --out OUT Hi",
        $"score --model {Missing} {Missing}",
        $"score merge --out OUT {Missing}", $"synth --shape {Missing} --out OUT", $"tokens --model {Missing} Hi",
        $"tools apply-patch --root {Missing} {Missing}",
        $"tools browser --pages {Missing} {Missing}", $"tools citations {Missing}", $"tools function {Missing} f {{}}", $"tools python {Missing}",
        $"serve --port 0 --model {Missing}", $"trace --model {Missing} --out OUT Hi", $"verify --pack {Missing}",
    ];

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(Commands))]
    public void Help_names_every_option_and_what_it_is_for(string command)
    {
        Answer help = Run([.. command.Split(' '), "--help"]);
        Assert.Equal((0, ""), (help.Code, help.Error));
        foreach (Option option in Options(Find(command)).Where(option => !option.Hidden))
        {
            Assert.Contains(option.Name, help.Out, StringComparison.Ordinal);
            Assert.False(string.IsNullOrWhiteSpace(option.Description), $"{command} {option.Name} has no description.");
            Assert.EndsWith(option is System.CommandLine.Help.HelpOption ? "" : ".", option.Description, StringComparison.Ordinal);
        }
        Assert.All(Find(command).Arguments, argument => Assert.EndsWith(".", argument.Description, StringComparison.Ordinal));
    }

    [Theory, MemberData(nameof(Commands))]
    public void An_option_that_does_not_exist_is_wrong_usage_and_not_a_prompt(string command)
    {
        foreach (string typed in (string[])["--no-such-option", "--no-such-option=1"])
        {
            Answer answer = Run([.. command.Split(' '), typed]);
            Assert.Equal((2, "", $"'gptoss {command}' has no option '--no-such-option'"), (answer.Code, answer.Out, answer.Error.Split(';')[0]));
        }
    }

    [Theory, MemberData(nameof(Commands))]
    public void An_empty_value_is_wrong_usage_where_a_name_or_a_number_belongs(string command)
    {
        foreach (Option option in Options(Find(command))
            .Where(option =>
                option.Arity.MaximumNumberOfValues > 0 && option is { ValueType: var type } && type != typeof(bool) && option.HelpName != "TEXT"))
        {
            Assert.Equal(new(2, "", $"{option.Name} is empty; give it a value, or leave it out.\n"), Run([.. command.Split(' '), option.Name, ""]));
        }
    }

    [Fact]
    public void An_empty_argument_is_wrong_usage_where_a_name_belongs()
    {
        Assert.Equal(new(2, "", "The argument A is empty; give it a value, or leave it out.\n"), Run("diff", "", "b"));
        Assert.Equal(new(2, "", "The argument parts is empty; give it a value, or leave it out.\n"), Run("score", "merge", "--out", "o", "a", ""));
        Assert.Equal("0 tokens\n", Run("tokens", "").Out);
    }

    [Theory, MemberData(nameof(BadInputs))]
    public void An_input_that_is_not_there_is_exit_code_3(string line)
    {
        Answer answer = Run([.. line.Split(' ').Select(word => word == "OUT" ? _folder.File("out") : word)]);
        Assert.Equal((3, ""), (answer.Code, answer.Out));
        Assert.Contains(Missing, answer.Sentence, StringComparison.Ordinal);
        Assert.Empty(_folder.Names());
    }

    [Fact]
    public void There_is_such_a_line_for_every_command()
    {
        string[] lines = [.. BadInputs.Select(row => row.Data)];
        Assert.All(Commands.Select(row => row.Data),
            command => Assert.Contains(lines, line => line.StartsWith(command + " ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("--postions", "'gptoss trace' has no option '--postions'; did you mean --positions? Text that begins with -- goes after a --.",
        "trace", "--out", "x")]
    [InlineData("--jsn", "'gptoss generate' has no option '--jsn'; did you mean --json? Text that begins with -- goes after a --.", "generate", "Hi")]
    [InlineData("--htlm", "'gptoss explain' has no option '--htlm'; did you mean --html? Text that begins with -- goes after a --.", "explain", "Hi")]
    [InlineData("--max", "'gptoss generate' has no option '--max'; did you mean --max-tokens? Text that begins with -- goes after a --.", "generate")]
    [InlineData("-json", "'gptoss generate' has no option '-json'; did you mean --json? Text that begins with -- goes after a --.", "generate")]
    [InlineData("--ot=x", "'gptoss synth' has no option '--ot'; did you mean --out?", "synth", "--shape", "20b")]
    [InlineData("--end", "'gptoss generate' has no option '--end'; if it is the value of --stop, write --stop=--end.", "generate", "--stop")]
    [InlineData("--zzzzz",
        "'gptoss generate' has no option '--zzzzz'; 'gptoss generate --help' lists them. Text that begins with -- goes after a --.", "generate")]
    [InlineData("genrate", "Unknown command 'genrate'; did you mean generate?")]
    [InlineData("brwser", "Unknown command 'brwser'; did you mean browser?", "tools")]
    [InlineData("nonsense", "Unknown command 'nonsense'; 'gptoss --help' lists them.")]
    public void A_slip_is_answered_with_the_nearest_name(string slip, string sentence, params string[] before) =>
        Assert.Equal(new(2, "", sentence + "\n"), Run([.. before, slip]));

    [Fact]
    public void After_two_dashes_everything_is_text()
    {
        Assert.Equal(Run("tokens", "x--json").Out.Split('\n').Length, Run("tokens", "--", "--json").Out.Split('\n').Length + 1);
        Assert.Equal(0, Run("tokens", "-5 + 3").Code);
        Assert.Equal(0, Run("generate", "--model", TestData.Tiny, "--stop=--end", "--max-tokens", "1", "Hi").Code);
    }

    [Fact]
    public void The_page_about_commands_names_no_option_that_does_not_exist()
    {
        Assert.SkipWhen(Repository.Root is null, "The sources are not here.");
        RootCommand root = Root();
        int options = 0;
        foreach (string section in Regex.Split(File.ReadAllText(Path.Combine(Repository.Root!, "docs", "commands.md")), "^## ",
            RegexOptions.Multiline).Skip(1))
        {
            string title = section.Split('\n')[0];
            Command about = root.Subcommands.Single(command => command.Name == title);
            foreach (string code in CodePattern().Matches(section).Select(match => match.Groups[1].Value).Concat(Shell(section)))
            {
                string[] words = code.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (code.StartsWith('/'))
                    continue;                          // what is typed within a chat
                string first = words.FirstOrDefault(word => word != "gptoss") ?? "";
                Command command = root.Subcommands.FirstOrDefault(known => known.Name == first) ?? about;
                string[] known = [.. Leaves(command, "").Select(leaf => leaf.Command).Append(command).SelectMany(Options)
                    .SelectMany(option => option.Aliases.Append(option.Name))];
                foreach (Match option in OptionPattern().Matches(code))
                {
                    options++;
                    Assert.True(known.Contains(option.Value),
                        $"docs/commands.md, {title}: `{code}` names {option.Value}, which '{command.Name}' does not have.");
                }
            }
        }
        Assert.True(options > 100);
    }

    private static RootCommand Root() => Program.Root(new Terminal(TextWriter.Null, TextWriter.Null));

    private static Command Find(string path) =>
        path.Split(' ').Aggregate((Command)Root(), (command, name) => command.Subcommands.Single(inner => inner.Name == name));

    private static IEnumerable<(string Path, Command Command)> Leaves(Command command, string path)
    {
        foreach (Command inner in command.Subcommands)
        {
            string name = (path + " " + inner.Name).TrimStart();
            if (inner.Action is not null)
                yield return (name, inner);
            foreach ((string, Command) leaf in Leaves(inner, name))
                yield return leaf;
        }
    }

    private static IEnumerable<Option> Options(Command command) => command.Options;

    /// <summary>Command lines in the section's sh blocks.</summary>
    private static IEnumerable<string> Shell(string section) => ShellPattern().Matches(section)
        .SelectMany(block => block.Groups[1].Value.Split('\n')).Where(line => line.StartsWith("gptoss ", StringComparison.Ordinal));

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex CodePattern();

    [GeneratedRegex("```sh\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex ShellPattern();

    [GeneratedRegex(@"(?<![\w-])--[a-z][a-z-]*")]
    private static partial Regex OptionPattern();
}
