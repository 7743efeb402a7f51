namespace GptOss.Reference.Harmony;

/// <summary>Who wrote a message.</summary>
public enum Role
{
    /// <summary>The person, or the program in a person's place.</summary>
    User,

    /// <summary>The model.</summary>
    Assistant,

    /// <summary>Identity, dates, effort, built-in tools and channels; above everyone else in a conflict.</summary>
    System,

    /// <summary>What the application says: instructions and functions; below the system message only.</summary>
    Developer,

    /// <summary>What a tool answered; its name takes the place of the role's word.</summary>
    Tool,
}

/// <summary>Roles as the format spells them.</summary>
internal static class RoleWords
{
    private static readonly string[] Words = ["user", "assistant", "system", "developer", "tool"];

    /// <summary>The role's word: <c>assistant</c>.</summary>
    public static string Word(this Role role) => Words[(int)role];

    /// <summary>The role of exactly this word; null if there is none.</summary>
    public static Role? Find(string word) => Array.IndexOf(Words, word) is >= 0 and var index ? (Role)index : null;
}
