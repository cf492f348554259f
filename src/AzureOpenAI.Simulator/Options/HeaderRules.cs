using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;

namespace AzureOpenAI.Simulator;

/// <summary>
/// Changes the headers of a resource's answers: omits some, replaces the value of some, adds some. Faults send their own headers, which are not changed.
/// </summary>
/// <remarks>
/// Safe for concurrent use; a rule applies to answers that begin after it was set. Names are compared without regard to case. One that ends in <c>*</c> stands for all
/// that begin so, such as <c>x-ratelimit-remaining-*</c>; a rule for the whole name goes before one for a beginning, and a longer beginning before a shorter.
/// </remarks>
public sealed class HeaderRules
{
    private ImmutableDictionary<string, Rule> _rules = ImmutableDictionary.Create<string, Rule>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Omits a header wherever it would be sent.</summary>
    /// <param name="name">The name of the header, or a beginning and <c>*</c>.</param>
    /// <returns>This instance.</returns>
    /// <exception cref="ArgumentException"><paramref name="name"/> is not a header name.</exception>
    public HeaderRules Omit(string name) => Set(name, new Rule(Value: null, Always: false));

    /// <summary>Sends a header with another value wherever it would be sent.</summary>
    /// <param name="name">The name of the header, or a beginning and <c>*</c>.</param>
    /// <param name="value">The value, any text without control characters: a number, a date, garbage.</param>
    /// <returns>This instance.</returns>
    /// <exception cref="ArgumentException"><paramref name="name"/> is not a header name, or <paramref name="value"/> is not a header value.</exception>
    public HeaderRules Replace(string name, string value) => Set(name, new Rule(HeaderText.RequireValue(value), Always: false));

    /// <summary>Sends a header on every answer.</summary>
    /// <param name="name">The name of the header.</param>
    /// <param name="value">The value, any text without control characters.</param>
    /// <returns>This instance.</returns>
    /// <exception cref="ArgumentException"><paramref name="name"/> is not a header name, or <paramref name="value"/> is not a header value.</exception>
    public HeaderRules Add(string name, string value) => name is [.., '*']
        ? throw new ArgumentException("A header to be added needs its whole name.", nameof(name))
        : Set(name, new Rule(HeaderText.RequireValue(value), Always: true));

    /// <summary>Removes all rules.</summary>
    public void Clear() => ImmutableInterlocked.Update(ref _rules, rules => rules.Clear());

    internal void CopyTo(HeaderRules target) => Volatile.Write(ref target._rules, Volatile.Read(ref _rules));

    internal void Apply(IHeaderDictionary headers)
    {
        var rules = Volatile.Read(ref _rules);
        if (rules.IsEmpty)
        {
            return;
        }

        foreach (string name in headers.Keys.ToArray())
        {
            if (RuleFor(rules, name) is not { } rule)
            {
                continue;
            }

            if (rule.Value is null)
            {
                headers.Remove(name);
            }
            else
            {
                headers[name] = rule.Value;
            }
        }

        foreach (var (name, rule) in rules)
        {
            if (rule.Always)
            {
                headers[name] = rule.Value;
            }
        }
    }

    private static Rule? RuleFor(ImmutableDictionary<string, Rule> rules, string name)
    {
        if (rules.TryGetValue(name, out var exact))
        {
            return exact;
        }

        string? beginning = rules.Keys
            .Where(key => key is [.., '*'] && name.StartsWith(key[..^1], StringComparison.OrdinalIgnoreCase))
            .MaxBy(key => key.Length);
        return beginning is null ? null : rules[beginning];
    }

    private HeaderRules Set(string name, Rule rule)
    {
        HeaderText.RequireName(name);
        ImmutableInterlocked.Update(ref _rules, rules => rules.SetItem(name, rule));
        return this;
    }

    private readonly record struct Rule(string? Value, bool Always);
}
