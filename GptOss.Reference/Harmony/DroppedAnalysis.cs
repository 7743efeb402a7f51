namespace GptOss.Reference.Harmony;

/// <summary>Which past messages on the channel <c>analysis</c> a rendered conversation leaves out, whoever wrote them.</summary>
public enum DroppedAnalysis
{
    /// <summary>
    /// The published library's rule: if the last assistant message is on <c>final</c>, what comes before the <em>first</em> message on
    /// <c>final</c>; otherwise nothing.
    /// </summary>
    Library,

    /// <summary>
    /// The rule that the publisher gives implementers: what comes before the <em>last</em> assistant message on <c>final</c>. Finished turns
    /// lose their analysis, an open turn keeps it.
    /// </summary>
    Finished,

    /// <summary>Nothing is left out.</summary>
    None,
}
