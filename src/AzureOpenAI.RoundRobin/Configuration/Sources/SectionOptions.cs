using AzureOpenAI.RoundRobin.Configuration.Rules;
using Microsoft.Extensions.Configuration;

namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>Reads the options that a section gives by the names that they have in code. No reflection, which trimming would break.</summary>
internal static class SectionOptions
{
    /// <summary>Each returns the fault, in words that follow the name, or null.</summary>
    private static readonly Dictionary<string, Func<RoundRobinOptions, string, string?>> Setters = new(StringComparer.OrdinalIgnoreCase)
    {
        [nameof(RoundRobinOptions.DeploymentName)] = Text(static (options, text) => options.DeploymentName = text),
        [nameof(RoundRobinOptions.Api)] = Value<EndpointApi>(ApiNames.Read, static (options, api) => options.Api = api),
        [nameof(RoundRobinOptions.ApiVersion)] = Text(static (options, text) => options.ApiVersion = text),
        [nameof(RoundRobinOptions.Temperature)] = Value<float>(TextValues.Fraction, static (options, number) => options.Temperature = number),
        [nameof(RoundRobinOptions.MaxOutputTokens)] = Value<int>(TextValues.Whole, static (options, number) => options.MaxOutputTokens = number),
        [nameof(RoundRobinOptions.CredentialScope)] = Text(static (options, text) => options.CredentialScope = text),
        [nameof(RoundRobinOptions.Enabled)] = Value<bool>(Switch.Read, static (options, on) => options.Enabled = on),
        [nameof(RoundRobinOptions.MaxWait)] = Value<TimeSpan>(TextValues.Time, static (options, time) => options.MaxWait = time),
        [nameof(RoundRobinOptions.MaxWaiting)] = Value<int>(TextValues.Whole, static (options, number) => options.MaxWaiting = number),
        [nameof(RoundRobinOptions.AttemptTimeout)] = Value<TimeSpan>(TextValues.Time, static (options, time) => options.AttemptTimeout = time),
        [nameof(RoundRobinOptions.FirstContentTimeout)] = Value<TimeSpan>(TextValues.Time, static (options, time) => options.FirstContentTimeout = time),
        [nameof(RoundRobinOptions.MaxAttempts)] = Value<int>(TextValues.Whole, static (options, number) => options.MaxAttempts = number),
        [nameof(RoundRobinOptions.Affinity)] = Value<EndpointAffinity>(Affinity, static (options, affinity) => options.Affinity = affinity),
        [nameof(RoundRobinOptions.ResumeStreams)] = Value<bool>(Switch.Read, static (options, on) => options.ResumeStreams = on),
        [nameof(RoundRobinOptions.FallBackFromFlex)] = Value<bool>(Switch.Read, static (options, on) => options.FallBackFromFlex = on),
        [nameof(RoundRobinOptions.MarkIds)] = Value<bool>(Switch.Read, static (options, on) => options.MarkIds = on),
        [nameof(RoundRobinOptions.HttpClientName)] = Text(static (options, text) => options.HttpClientName = text),
    };

    private static readonly string[] OnlyInCode =
    [
        nameof(RoundRobinOptions.Credential), nameof(RoundRobinOptions.AffinityKey), nameof(RoundRobinOptions.ClassifyException), nameof(RoundRobinOptions.Backplane),
        nameof(RoundRobinOptions.HttpClient),
    ];

    /// <summary>What the section has beside options.</summary>
    private static readonly string[] Others =
    [
        nameof(RoundRobinOptions.Endpoints), nameof(RoundRobinOptions.ConnectionNames), VariableNames.Connection, VariableNames.Switch, VariableNames.Endpoint,
        VariableNames.ApiKey, VariableNames.Deployment, VariableNames.EmbeddingDeployment, VariableNames.Api, VariableNames.ApiVersion, SectionSource.CredentialScopeName,
    ];

    private delegate T? Reader<T>(string text, out string? fault)
        where T : struct;

    /// <summary>Whether a section may give options: a root holds the whole app's settings, of which some may have the same names.</summary>
    public static bool AreIn(IConfiguration section) => section is IConfigurationSection { Path.Length: > 0 };

    /// <summary>Sets what can be read; <see cref="Check"/> reports the rest.</summary>
    public static void Apply(IConfiguration section, RoundRobinOptions options) => Read(section, options, static (_, _) => { });

    /// <param name="section">The section.</param>
    /// <param name="origin">Its name in messages.</param>
    /// <param name="others">What else it has.</param>
    /// <param name="findings">Collects faults, and warnings of unknown names.</param>
    public static void Check(IConfiguration section, string origin, string[] others, Findings findings)
    {
        Read(section, new RoundRobinOptions(), (name, fault) => findings.Fault($"{origin}: {name} {fault}"));
        foreach (string name in AreIn(section) ? section.GetChildren().Select(static child => child.Key) : [])
        {
            if (OnlyInCode.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                findings.Warn($"{origin}: {name} can be given in code only, and is ignored.");
            }
            else if (!IsKnown(name) && !others.Contains(name))
            {
                string shown = TextRules.CanQuote(name) ? $"the name '{name}'" : $"a name of {name.Length} characters, not shown since it could be a key,";
                string? meant = MisspeltNames.Nearest(name, [.. Setters.Keys, .. Others]);
                findings.Warn($"{origin}: {shown} is unknown and ignored{(meant is null ? "." : $"; did you mean {meant}?")}");
            }
        }
    }

    public static bool IsKnown(string name) => Setters.ContainsKey(name) || Others.Concat(OnlyInCode).Contains(name, StringComparer.OrdinalIgnoreCase);

    private static void Read(IConfiguration section, RoundRobinOptions options, Action<string, string> report)
    {
        foreach (IConfigurationSection child in AreIn(section) ? section.GetChildren() : [])
        {
            if (string.Equals(child.Key, nameof(RoundRobinOptions.ConnectionNames), StringComparison.OrdinalIgnoreCase))
            {
                foreach (string name in child.GetChildren().Select(static one => one.Value).Prepend(child.Value).OfType<string>().Where(static name => name.Length > 0))
                {
                    options.ConnectionNames.Add(name);
                }

                continue;
            }

            if (!Setters.TryGetValue(child.Key, out Func<RoundRobinOptions, string, string?>? set))
            {
                continue;
            }

            string? fault = TextRules.Clean(child.Value) is { } text ? set(options, text)
                : child.GetChildren().Any() ? "is an object or an array; write one value."
                : null;
            if (fault is not null)
            {
                report(child.Key, fault);
            }
        }
    }

    private static Func<RoundRobinOptions, string, string?> Text(Action<RoundRobinOptions, string> set) => (options, text) =>
    {
        set(options, text);
        return null;
    };

    private static Func<RoundRobinOptions, string, string?> Value<T>(Reader<T> read, Action<RoundRobinOptions, T> set)
        where T : struct => (options, text) =>
    {
        if (read(text, out string? fault) is { } value)
        {
            set(options, value);
        }

        return fault;
    };

    private static EndpointAffinity? Affinity(string text, out string? fault)
    {
        bool isKnown = Enum.TryParse(text, ignoreCase: true, out EndpointAffinity affinity) && Enum.IsDefined(affinity);
        fault = isKnown ? null : $"must be {nameof(EndpointAffinity.None)}, {nameof(EndpointAffinity.PromptCache)} or {nameof(EndpointAffinity.Conversation)}.";
        return isKnown ? affinity : null;
    }
}
