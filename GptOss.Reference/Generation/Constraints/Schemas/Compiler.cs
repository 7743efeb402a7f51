using System.Text.Json;
using GptOss.Reference.Generation.Constraints.Grammar;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>Compiles a document: each set of rules that some value must keep becomes one node, so that references may lead back.</summary>
internal sealed class Compiler
{
    private const int MostNodes = 20_000;
    private static readonly Dfa NoText = new([0], [0], 1, [], [], Dfa.Dead);
    private static readonly Func<Func<int, bool>, Dfa> AnyKey = mayCome => mayCome(0) ? Dfa.AnyText : NoText;

    private readonly SchemaDocument _document;
    private readonly Work _work;
    private readonly Strings _strings;
    private readonly Numbers _numbers = new();
    private readonly Exclusion _exclusion;
    private readonly Dictionary<string, ValueNode> _nodes = [];
    private readonly Queue<(List<Rule> Rules, ValueNode Node)> _unbuilt = [];
    private readonly List<Built> _built = [];

    private Compiler(JsonElement schema, Work work)
    {
        _document = new SchemaDocument(schema, work);
        _work = work;
        _strings = new Strings(work);
        _exclusion = new Exclusion(_document, _strings, _numbers, work);
    }

    /// <summary>The node of a document.</summary>
    /// <exception cref="SchemaRefusal">It cannot be kept, or no value is valid for it.</exception>
    /// <exception cref="WorkExceededException">It costs more than it may.</exception>
    internal static ValueNode Compile(JsonElement schema, Work work)
    {
        var compiler = new Compiler(schema, work);
        ValueNode root = compiler.NodeOf([new Rule(compiler._document.Root)]);
        while (compiler._unbuilt.TryDequeue(out (List<Rule> Rules, ValueNode Node) next))
            compiler.Build(next.Rules, next.Node);
        compiler.Settle();
        return root.IsImpossible ? throw Contradiction.Of(compiler._document.Known) : root;
    }

    private ValueNode NodeOf(List<Rule> rules)
    {
        List<Rule> needed = [.. rules.Where(rule => rule.Holds ? !rule.Schema.IsTrue : !rule.Schema.IsFalse).Distinct()];
        if (needed.Count == 0)
            return AnyValue.Node;
        string key = string.Join(' ', needed.Select(rule => rule.Holds ? rule.Schema.Id : -rule.Schema.Id));
        if (_nodes.TryGetValue(key, out ValueNode? node))
            return node;
        _work.Spend(16);
        if (_nodes.Count >= MostNodes)
            throw new SchemaRefusal(needed[0].Schema.Path, null, $"subschemas combine in more than {MostNodes} ways");
        _nodes[key] = node = new ValueNode();
        if (!needed.Exists(IsFalse))
            _unbuilt.Enqueue((needed, node));
        return node;
    }

    private void Build(List<Rule> rules, ValueNode node)
    {
        var values = new List<JsonElement>();
        var leaves = new List<Leaf>();
        var arrays = new List<ArrayDraft>();
        var objects = new List<ObjectDraft>();
        Kinds simple = Kinds.None;
        List<Dictionary<string, int>>? orders = null;
        foreach (Branch branch in BranchesOf(rules))
        {
            if (branch.Values is not null)
            {
                var validator = new Validator(_document, _strings, _work);
                values.AddRange(branch.Values.Where(value => branch.Taken.All(rule => validator.IsValid(value, rule))));
                continue;
            }

            foreach ((Kinds kind, Schema schema, string keyword, string reason) in branch.Unsupported)
            {
                if (branch.Kinds.HasFlag(kind))
                    throw new SchemaRefusal(schema.Path, keyword, reason);
            }
            simple |= branch.Kinds & (Kinds.Null | Kinds.Boolean);
            if (branch.Kinds.HasFlag(Kinds.Number) && _numbers.LeafOf(branch) is { } number && !leaves.Contains(number))
                leaves.Add(number);
            if (branch.Kinds.HasFlag(Kinds.String) && _strings.LeafOf(branch) is { } text && !leaves.Contains(text))
                leaves.Add(text);
            if (branch.Kinds.HasFlag(Kinds.Array) && DraftArray(branch) is var array && !arrays.Exists(array.IsLike))
                arrays.Add(array);
            if (!branch.Kinds.HasFlag(Kinds.Object))
                continue;
            foreach (Dictionary<string, int> order in orders ??= KeyOrder.Of(rules, _document))
            {
                if (DraftObject(branch, order) is { } inner && !objects.Exists(inner.IsLike))
                    objects.Add(inner);
            }
        }

        node.Leaves = [.. leaves];
        Constants.AddTo(node, Different(values), SimpleTexts(simple));
        _built.Add(new Built(node, Math.Min(node.Cost, node.Leaves.Select(ShortestEnd.Cost).DefaultIfEmpty(ValueNode.Impossible).Min()),
            arrays, objects));
    }

    // Of an enumeration at the top nothing but its values can be valid, whatever stands beside it.
    private List<Branch> BranchesOf(List<Rule> rules)
    {
        foreach (Rule rule in rules)
        {
            foreach (string keyword in (ReadOnlySpan<string>)["const", "enum"])
            {
                if (!rule.Holds || rule.Schema.Find(keyword) is null)
                    continue;
                var branch = new Branch { Values = [.. KeywordReader.Values(rule.Schema, keyword)] };
                branch.Taken.UnionWith(rules);
                return [branch];
            }
        }

        return _exclusion.Expansion.Of(rules);
    }

    private ArrayDraft DraftArray(Branch branch)
    {
        int first = branch.ItemLists.Select(list => list.Schema.Json.GetProperty(list.Keyword).GetArrayLength()).DefaultIfEmpty(0).Max();
        var items = new List<ValueNode>();
        for (int i = 0; i < Math.Min(first, branch.MostItems); i++)
        {
            var rules = new List<Rule>();
            foreach ((Schema schema, string keyword) in branch.ItemLists)
            {
                if (_document.Children(schema, keyword) is var list && i < list.Count)
                    rules.Add(new Rule(list[i]));
            }
            rules.AddRange(branch.RestItems.Where(rest => rest.From <= i).Select(rest => rest.Rule));
            items.Add(NodeOf(rules));
        }

        return new ArrayDraft
        {
            Schema = branch.Taken.First().Schema,
            First = items,
            Rest = NodeOf([.. branch.RestItems.Select(rest => rest.Rule)]),
            Least = branch.LeastItems,
            Most = branch.MostItems,
            IsUnique = branch.HasUniqueItems,
        };
    }

    private ObjectDraft? DraftObject(Branch branch, Dictionary<string, int> order)
    {
        var draft = new ObjectDraft { Schema = branch.Taken.First().Schema, Least = branch.LeastKeys, Most = branch.MostKeys };
        var names = new HashSet<string>(branch.Required.Keys, StringComparer.Ordinal);
        names.UnionWith(branch.SingleKeys.Select(single => single.Key));
        foreach (Schema schema in branch.KeyRules)
        {
            if (schema.Find("properties") is not null)
                names.UnionWith(_document.Members(schema, "properties").Keys);
        }

        Term allowed = NamesOf(branch);
        foreach (string name in names.OrderBy(name => order.GetValueOrDefault(name, int.MaxValue)).ThenBy(branch.Required.IndexOf))
        {
            _work.Spend(4);
            bool isRequired = branch.Required.ContainsKey(name);
            bool mayCome = !branch.Forbidden.Contains(name)
                && (allowed == _strings.Pool.AnyText || _strings.AutomatonOf(allowed, draft.Schema, "propertyNames").TagOf(name) >= 0);
            if (mayCome)
            {
                draft.Keys.Add((name, NodeOf(KeyRules.Of(branch, name, _document, _strings)), isRequired));
                if (!order.ContainsKey(name) && isRequired)
                    draft.Unordered++;
            }
            else if (isRequired)
            {
                return null;
            }
            else
            {
                draft.Excluded.Add(name);
            }
        }

        draft.Excluded.UnionWith(branch.Forbidden.Where(name => !names.Contains(name)));
        AddFree(branch, allowed, draft);
        return draft;
    }

    private void AddFree(Branch branch, Term allowed, ObjectDraft draft)
    {
        List<(Schema Owner, string Pattern, Schema Value)> patterns = KeyRules.Patterns(branch, _document);
        if (patterns.Count == 0 && allowed == _strings.Pool.AnyText)
        {
            List<Rule> rules = [.. branch.RestKeys.Select(rest => rest.Rule)];
            if (rules.Exists(IsFalse))
                return;
            draft.FreeValues.Add(NodeOf(rules));
            draft.FreeContent = AnyKey;
        }
        else
        {
            Term[] terms = [allowed, .. patterns.Select(pattern => _strings.SearchFor(pattern.Pattern, pattern.Owner, "patternProperties"))];
            var tags = new Dictionary<string, int>();
            int TagOf(bool[] matches)
            {
                if (!matches[0])
                    return -1;
                string key = string.Concat(matches.Select(match => match ? '1' : '0'));
                if (tags.TryGetValue(key, out int tag))
                    return tag;
                List<Rule> rules = RulesOfFree(branch, patterns, matches);
                if (rules.Exists(IsFalse))
                    return tags[key] = -1;
                draft.FreeValues.Add(NodeOf(rules));
                return tags[key] = draft.FreeValues.Count - 1;
            }

            draft.FreeContent =
                mayCome => DfaBuilder.Build(_strings.Pool, _work, terms, matches => TagOf(matches) is >= 0 and var tag && mayCome(tag) ? tag : -1);
        }

        draft.Update();
    }

    private static List<Rule> RulesOfFree(Branch branch, List<(Schema Owner, string Pattern, Schema Value)> patterns, bool[] matches)
    {
        List<Schema> matching = [.. patterns.Where((_, i) => matches[i + 1]).Select(pattern => pattern.Owner)];
        List<Rule> rules = [.. patterns.Where((pattern, i) => matches[i + 1] && branch.KeyRules.Contains(pattern.Owner))
            .Select(pattern => new Rule(pattern.Value))];
        rules.AddRange(branch.RestKeys.Where(rest => !rest.Known.Exists(matching.Contains)).Select(rest => rest.Rule));
        return rules;
    }

    // The names that every rule for names allows.
    private Term NamesOf(Branch branch)
    {
        if (branch.NameRules.Count == 0)
            return _strings.Pool.AnyText;
        return _strings.Pool.Either([.. _exclusion.Expansion.Of(branch.NameRules, Kinds.String).Where(name => name.Kinds.HasFlag(Kinds.String))
            .Select(name =>
        {
            foreach ((Kinds kind, Schema schema, string keyword, string reason) in name.Unsupported)
            {
                if (kind == Kinds.String)
                    throw new SchemaRefusal(schema.Path, keyword, reason);
            }
            return _strings.TermOf(name);
        })]);
    }

    // Costs fall from 'impossible' until they are right; keys and items that stay impossible cannot come.
    private void Settle()
    {
        do
        {
            for (bool changed = true; changed;)
            {
                changed = false;
                for (int i = _built.Count - 1; i >= 0; i--)
                {
                    (ValueNode node, int cost, List<ArrayDraft> arrays, List<ObjectDraft> objects) = _built[i];
                    _work.Spend(4 + arrays.Count + objects.Sum(inner => 1 + inner.Keys.Count));
                    foreach (ArrayDraft array in arrays)
                        cost = Math.Min(cost, array.Cost());
                    foreach (ObjectDraft inner in objects)
                        cost = Math.Min(cost, inner.Cost());
                    changed |= cost < node.Cost;
                    node.Cost = Math.Min(cost, node.Cost);
                }
            }
        }
        while (UpdateObjects() && ForgetCosts());

        foreach (Built built in _built)
        {
            built.Node.Objects =
                [.. built.Node.Objects, .. built.Objects.Where(inner => inner.Cost() != ValueNode.Impossible).Select(inner => inner.Build())];
        }

        // Arrays of different items look at what the items have become.
        foreach (bool unique in (ReadOnlySpan<bool>)[false, true])
        {
            foreach (Built built in _built)
            {
                built.Node.Arrays =
                    [.. built.Node.Arrays, .. built.Arrays.Where(array => array.IsUnique == unique && array.Cost() != ValueNode.Impossible)
                        .Select(array => array.Build(_strings))];
            }
        }
    }

    // Every one of them, whether or not an earlier one has changed.
    private bool UpdateObjects()
    {
        bool hasChanged = false;
        foreach (Built node in _built)
        {
            foreach (ObjectDraft inner in node.Objects)
                hasChanged |= inner.Update();
        }
        return hasChanged;
    }

    private bool ForgetCosts()
    {
        foreach (Built built in _built)
            built.Node.Cost = ValueNode.Impossible;
        return true;
    }

    private static bool IsFalse(Rule rule) => rule.Holds ? rule.Schema.IsFalse : rule.Schema.IsTrue;

    private List<JsonElement> Different(List<JsonElement> values)
    {
        var different = new ValueSet(_work);
        return [.. values.Where(different.Add)];
    }

    private static IEnumerable<byte[]> SimpleTexts(Kinds kinds)
    {
        if (kinds.HasFlag(Kinds.Null))
            yield return "null"u8.ToArray();
        if (kinds.HasFlag(Kinds.True))
            yield return "true"u8.ToArray();
        if (kinds.HasFlag(Kinds.False))
            yield return "false"u8.ToArray();
    }

    /// <param name="Node">What is built.</param>
    /// <param name="Cost">Of its leaves and constants.</param>
    /// <param name="Arrays">Its other arrays.</param>
    /// <param name="Objects">And objects.</param>
    private sealed record Built(ValueNode Node, int Cost, List<ArrayDraft> Arrays, List<ObjectDraft> Objects);
}
