using System.Text.Json;

namespace GptOss.Reference.Harmony;

/// <summary>The two tools that the model was trained with, described word for word, and how patches are written. Source: <c>openai/harmony</c>, <c>src/chat.rs</c>.</summary>
public static class BuiltInTools
{
    /// <summary>A browser: <c>browser.search</c>, <c>browser.open</c>, <c>browser.find</c>.</summary>
    public static ToolNamespace Browser { get; } = new(
        "browser",
        """
        Tool for browsing.
        The `cursor` appears in brackets before each browsing display: `[{cursor}]`.
        Cite information from the tool using the following format:
        `【{cursor}†L{line_start}(-L{line_end})?】`, for example: `【6†L9-L11】` or `【8†L3】`.
        Do not quote more than 10 words directly from the tool output.
        sources=web (default: web)
        """,
        [
            Tool(
                "search",
                "Searches for information related to `query` and displays `topn` results.",
                """
                {"type":"object","properties":{"query":{"type":"string"},"topn":{"type":"number","default":10},"source":{"type":"string"}},"required":["query"]}
                """),
            Tool(
                "open",
                """
                Opens the link `id` from the page indicated by `cursor` starting at line number `loc`, showing `num_lines` lines.
                Valid link ids are displayed with the formatting: `【{id}†.*】`.
                If `cursor` is not provided, the most recent page is implied.
                If `id` is a string, it is treated as a fully qualified URL associated with `source`.
                If `loc` is not provided, the viewport will be positioned at the beginning of the document or centered on the most relevant passage, if available.
                Use this function without `id` to scroll to a new location of an opened page.
                """,
                """
                {"type":"object","properties":{"id":{"type":["number","string"],"default":-1},"cursor":{"type":"number","default":-1},
                "loc":{"type":"number","default":-1},"num_lines":{"type":"number","default":-1},"view_source":{"type":"boolean","default":false},
                "source":{"type":"string"}}}
                """),
            Tool(
                "find",
                "Finds exact matches of `pattern` in the current page, or the page given by `cursor`.",
                """
                {"type":"object","properties":{"pattern":{"type":"string"},"cursor":{"type":"number","default":-1}},"required":["pattern"]}
                """),
        ]);

    /// <summary>A stateful Python interpreter; the recipient is <c>python</c> and the body is source code.</summary>
    public static ToolNamespace Python { get; } = new(
        "python",
        "Use this tool to execute Python code in your chain of thought. The code will not be shown to the user. This tool should be used for internal " +
        "reasoning, but not for code that is intended to be visible to the user (e.g. when creating plots, tables, or files).\n\n" +
        "When you send a message containing Python code to python, it will be executed in a stateful Jupyter notebook environment. python will respond " +
        "with the output of the execution or time out after 120.0 seconds. The drive at '/mnt/data' can be used to save and persist user files. " +
        "Internet access for this session is UNKNOWN. Depends on the cluster.",
        []);

    /// <summary>
    /// What the developer message says of <c>functions.apply_patch</c>, whose declaration does not give the form of a patch. Our words; the published
    /// text is <c>gpt_oss/tools/apply_patch.md</c>.
    /// </summary>
    public static string ApplyPatchInstructions { get; } =
        """
        Files are changed with `apply_patch`, whose argument is the text of one patch. A patch begins with the line `*** Begin Patch`, ends with the
        line `*** End Patch`, and holds any number of these in between:

        `*** Add File: PATH` makes a file; every line of it follows with `+` in front.
        `*** Delete File: PATH` removes a file; nothing follows.
        `*** Update File: PATH` changes a file. The next line may be `*** Move to: NEW PATH`. Each change then begins with a line `@@`, or `@@ LINE`
        where LINE is a line of the file above the change, such as the head of a function. Its lines follow: with a space in front what stays, with
        `-` what goes, with `+` what comes. `*** End of File` after them says that they are the last of the file.

        Paths are relative. For example:

        *** Begin Patch
        *** Update File: app.py
        @@ def greet():
        -print("Hi")
        +print("Hello, world!")
        *** End Patch
        """.ReplaceLineEndings("\n");

    private static ToolDescription Tool(string name, string description, string parameters) =>
        new(name, description.ReplaceLineEndings("\n"), JsonElement.Parse(parameters));
}
