namespace GptOss.Reference.Oracle.Dumps;

/// <summary>
/// A member of a dump that cannot be read: elements of another type, text, arrays of different lengths. The others are still read.
/// </summary>
/// <param name="Name">Its name.</param>
/// <param name="Reason">The rest of a sentence that begins with the name.</param>
public sealed record UnreadMember(string Name, string Reason);

/// <summary>One member cannot be read; the message is the rest of a sentence that begins with its name. Never leaves the folder.</summary>
internal sealed class UnreadMemberException(string reason) : Exception(reason);
