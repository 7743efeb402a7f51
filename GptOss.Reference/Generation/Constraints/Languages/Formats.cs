namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>The formats of JSON Schema that are kept, as patterns. Every other format is an annotation.</summary>
internal static class Formats
{
    // RFC 3339. The 29th of February of leap years only; no leap seconds, which depend on tables.
    private const string LeapYear = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
    private const string Date =
        "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|" +
        LeapYear + "-02-29)";

    private const string Time = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]+)?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";

    // RFC 3339, appendix A.
    private const string TimePart = "T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)";
    private const string DatePart = "(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)";

    // RFC 1123.
    private const string Label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    private const string Host = Label + "(?:[.]" + Label + ")*";

    // RFC 5321 without quoted local parts and address literals.
    private const string Atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";

    // RFC 2673 and RFC 4291.
    private const string Byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    private const string IPv4 = "(?:" + Byte + "[.]){3}" + Byte;
    private const string Hex16 = "[0-9A-Fa-f]{1,4}";
    private const string Low32 = "(?:" + Hex16 + ":" + Hex16 + "|" + IPv4 + ")";
    private const string IPv6 =
        "(?:(?:" + Hex16 + ":){6}" + Low32 +
        "|::(?:" + Hex16 + ":){5}" + Low32 +
        "|(?:" + Hex16 + ")?::(?:" + Hex16 + ":){4}" + Low32 +
        "|(?:(?:" + Hex16 + ":){0,1}" + Hex16 + ")?::(?:" + Hex16 + ":){3}" + Low32 +
        "|(?:(?:" + Hex16 + ":){0,2}" + Hex16 + ")?::(?:" + Hex16 + ":){2}" + Low32 +
        "|(?:(?:" + Hex16 + ":){0,3}" + Hex16 + ")?::" + Hex16 + ":" + Low32 +
        "|(?:(?:" + Hex16 + ":){0,4}" + Hex16 + ")?::" + Low32 +
        "|(?:(?:" + Hex16 + ":){0,5}" + Hex16 + ")?::" + Hex16 +
        "|(?:(?:" + Hex16 + ":){0,6}" + Hex16 + ")?::)";

    // RFC 3986.
    private const string Escaped = "%[0-9A-Fa-f]{2}";
    private const string Plain = "-A-Za-z0-9._~!$&'()*+,;=";
    private const string PathChar = "(?:[" + Plain + ":@]|" + Escaped + ")";
    private const string Authority =
        "(?:(?:[" + Plain + ":]|" + Escaped + ")*@)?(?:\\[(?:" + IPv6 + "|[Vv][0-9A-Fa-f]+[.][" + Plain + ":]+)\\]|(?:[" + Plain + "]|" + Escaped +
            ")*)(?::[0-9]*)?";

    private const string Path = "(?:/" + PathChar + "*)*";
    private const string Uri =
        "[A-Za-z][A-Za-z0-9+.-]*:(?://" + Authority + Path + "|/(?:" + PathChar + "+" + Path + ")?|" + PathChar + "+" + Path + "|)" +
        "(?:[?](?:" + PathChar + "|[/?])*)?(?:#(?:" + PathChar + "|[/?])*)?";

    /// <summary>The longest text of a format, in code points.</summary>
    internal static int MaxLength(string name) => name == "hostname" ? 253 : int.MaxValue;

    /// <summary>The pattern of a format, over the whole text; null for a format that is an annotation.</summary>
    internal static string? Pattern(string name) => name switch
    {
        "date" => $"^(?:{Date})$",
        "time" => $"^(?:{Time})$",
        "date-time" => $"^(?:{Date}T{Time})$",
        "duration" => $"^P(?:[0-9]+W|{DatePart}(?:{TimePart})?|{TimePart})$",
        "hostname" => $"^(?:{Host})$",
        "email" => $"^{Atom}(?:[.]{Atom})*@(?:{Host})$",
        "ipv4" => $"^(?:{IPv4})$",
        "ipv6" => $"^(?:{IPv6})$",
        "uri" => $"^(?:{Uri})$",
        "uuid" => "^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
        _ => null,
    };
}
