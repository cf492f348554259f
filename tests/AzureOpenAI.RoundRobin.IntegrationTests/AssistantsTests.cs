using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using AzureOpenAI.RoundRobin.Tokenizers;
using Microsoft.Extensions.DependencyInjection;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>What coding assistants read names what the code has, with its defaults, and leads to every page.</summary>
public sealed partial class AssistantsTests
{
    private const string Instructions = "docs/assistants.md", Index = "docs/llms.txt";

    /// <summary>Where a name may come from: the packages, and what they are used with.</summary>
    private static readonly Assembly[] Known =
    [
        typeof(EndpointPool).Assembly, typeof(AzureOpenAISimulator).Assembly, typeof(TokenCounter).Assembly, typeof(Redis.RoundRobinRedisOptions).Assembly, typeof(IChatClient).Assembly, typeof(System.ClientModel.ClientResultException).Assembly,
        typeof(HealthCheckServiceCollectionExtensions).Assembly, typeof(object).Assembly,
    ];

    [Fact]
    public void Each_name_in_the_instructions_is_one_of_the_code()
    {
        Type[] types = [.. Known.SelectMany(static assembly => assembly.GetExportedTypes())];
        Type[] own = [.. types.Where(static type => type.Assembly == typeof(HealthCheckServiceCollectionExtensions).Assembly || type.Assembly.GetName().Name!.StartsWith("AzureOpenAI.", StringComparison.Ordinal))];
        HashSet<string> known =
        [
            .. types.Select(static type => type.Name.Split('`')[0]),
            .. types.SelectMany(static type => type.GetMembers(), static (type, member) => $"{type.Name}.{member.Name}"),
            // Members that are named without their type.
            .. own.SelectMany(static type => type.GetMembers()).Select(static member => member.Name),
            .. Known.Select(static assembly => assembly.GetName().Name!),
        ];
        string[] names = [.. Code().Matches(Readme.Text(Instructions)).SelectMany(static code => Name().Matches(code.Groups["code"].Value)).Select(static name => name.Value).Distinct()];

        Assert.True(names.Length > 30, $"{names.Length} names were found.");
        Assert.All(names, name => Assert.True(known.Contains(name), $"There is no {name}."));
    }

    [Fact]
    public void Each_variable_in_the_instructions_is_one_of_the_code()
    {
        string[] variables = [.. typeof(VariableNames).GetFields().Select(static field => (string)field.GetRawConstantValue()!)];
        string[] named = [.. Variable().Matches(Readme.Text(Instructions)).Select(static variable => variable.Value).Distinct()];

        Assert.NotEmpty(named);
        Assert.Empty(named.Except(variables));
    }

    [Fact]
    public void Each_default_in_the_instructions_is_that_of_the_code()
    {
        (string, string)[] stated = [.. Readme.Table(Instructions, "Option").Select(static row => (row[0], row[1]))];

        Assert.NotEmpty(stated);
        Assert.All(stated, static option => Assert.Equal((option.Item1, Default(option.Item1)), option));
    }

    [Fact]
    public void The_index_leads_to_every_page_in_the_words_of_the_readme()
    {
        string[] listed = [.. Entry().Matches(Readme.Text(Index)).Select(static entry => $"{entry.Groups["title"].Value}: {entry.Groups["page"].Value}: {entry.Groups["answers"].Value}")];
        string[] known = [.. Row().Matches(Readme.Text("README.md")).Select(static row => $"{row.Groups["title"].Value}: {row.Groups["page"].Value}: {row.Groups["answers"].Value}")];
        IEnumerable<string> pages = Readme.Pages.Where(static page => page.StartsWith("docs/", StringComparison.Ordinal)).Select(static page => page["docs/".Length..]);

        Assert.Equal(known, listed);
        Assert.All(pages, static page => Assert.Contains($"({page})", Readme.Text(Index), StringComparison.Ordinal));
        Assert.Empty(Readme.DeadLinks(Index));
    }

    private static string Default(string option)
    {
        object? value = typeof(RoundRobinOptions).GetProperty(option) is { } ofPool ? ofPool.GetValue(new RoundRobinOptions()) : typeof(EndpointOptions).GetProperty(option)!.GetValue(new EndpointOptions());
        return value switch
        {
            null => "none",
            TimeSpan time => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds} s"),
            int number => number.ToString("N0", CultureInfo.InvariantCulture),
            _ => $"{value}",
        };
    }

    /// <summary>Without the texts in it.</summary>
    [GeneratedRegex(@"(?<!`)`(?<code>[^`\n""]+)(""[^`\n]*)?`")]
    private static partial Regex Code();

    /// <summary>A type or member by its name in C#, with the type in front of it or not.</summary>
    [GeneratedRegex(@"(?<![\w.-])[A-Z][a-z]\w*(\.[A-Z][A-Za-z]+)?(?![\w.-])|(?<![\w.-])I[A-Z]\w+|AzureOpenAI\w*(\.\w+)?")]
    private static partial Regex Name();

    [GeneratedRegex(@"\b(USE_)?AZURE_OPENAI_\w+")]
    private static partial Regex Variable();

    [GeneratedRegex(@"^- \[(?<title>[^\]]+)\]\((?<page>[\w-]+\.md)\): (?<answers>.+)$", RegexOptions.Multiline)]
    private static partial Regex Entry();

    [GeneratedRegex(@"^\| \[(?<title>[^\]]+)\]\(docs/(?<page>[\w-]+\.md)\) \| (?<answers>.+) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();
}
