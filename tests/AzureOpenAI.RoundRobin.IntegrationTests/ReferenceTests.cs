using System.Diagnostics.Metrics;
using System.Globalization;
using System.Reflection;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Telemetry;
using Microsoft.Extensions.Logging;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>The tables in the pages of docs name what the code has, all of it and nothing else.</summary>
public sealed class ReferenceTests
{
    private const string Options = "docs/options.md", Configuration = "docs/configuration.md", Telemetry = "docs/telemetry.md";

    [Theory]
    [InlineData(typeof(RoundRobinOptions))]
    [InlineData(typeof(EndpointOptions))]
    public void Options_are_those_of_the_code(Type type)
    {
        string[] named = [.. Readme.Table(Options, type.Name).SelectMany(static row => row[0].Split(", "))];

        Assert.Equal(type.GetProperties().Select(static property => property.Name).Order(StringComparer.Ordinal), named.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Defaults_are_those_of_the_code()
    {
        RoundRobinOptions options = new();
        EndpointOptions endpoint = new();

        Assert.Equal(Seconds(options.MaxWait), Cell("RoundRobinOptions", "MaxWait"));
        Assert.Equal(options.MaxWaiting.ToString("N0", CultureInfo.InvariantCulture), Cell("RoundRobinOptions", "MaxWaiting"));
        Assert.Equal(Seconds(options.AttemptTimeout), Cell("RoundRobinOptions", "AttemptTimeout"));
        Assert.Equal(options.Affinity.ToString(), Cell("RoundRobinOptions", "Affinity"));
        Assert.Equal($"{endpoint.Weight}", Cell("EndpointOptions", "Weight"));
        Assert.Equal($"{endpoint.Priority}", Cell("EndpointOptions", "Priority"));
        Assert.All(
            new object?[] { options.FirstContentTimeout, options.MaxAttempts, options.AffinityKey, options.Enabled, options.Credential, options.CredentialScope, options.Temperature, options.MaxOutputTokens, options.DeploymentName, options.HttpClientName },
            Assert.Null);

        static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds} s");
    }

    [Fact]
    public void Log_events_are_those_of_the_code()
    {
        LoggerMessageAttribute[] events = [.. typeof(PoolLog).GetMethods(BindingFlags.NonPublic | BindingFlags.Static)
            .Select(static method => method.GetCustomAttribute<LoggerMessageAttribute>()).OfType<LoggerMessageAttribute>().OrderBy(static said => said.EventId)];

        string[][] rows = Readme.Table(Telemetry, "Id");

        Assert.Equal(events.Select(static said => (said.EventId.ToString(CultureInfo.InvariantCulture), said.EventName)), rows.Select(static row => (row[0], (string?)row[1])));
        Assert.All(events.Zip(rows), static pair => Assert.StartsWith(pair.First.Level == LogLevel.None ? "Information" : $"{pair.First.Level}", pair.Second[2], StringComparison.Ordinal));
    }

    [Fact]
    public async Task Instruments_are_those_of_the_code()
    {
        const string Prefix = "azure_openai.round_robin.";
        List<(string Name, string Kind)> published = [];
        using MeterListener listener = new()
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name == "AzureOpenAI.RoundRobin")
                {
                    string kind = instrument.GetType().Name.Split('`')[0].Replace("Observable", "", StringComparison.Ordinal).ToLowerInvariant();
                    published.Add((instrument.Name[Prefix.Length..], $"{kind}, {instrument.Unit}"));
                }
            },
        };
        listener.Start();
        await using Fleet fleet = await Fleet.StartAsync(["east"]);
        _ = Redis.ConnectedGauge.Of(null);

        Assert.Equal(published.Distinct().Order(), Readme.Table(Telemetry, $"Instrument {Prefix}").Select(static row => (row[0], row[1])).Order());
    }

    [Fact]
    public void Outcomes_are_those_of_the_code()
    {
        string[] named = [.. Readme.Table(Telemetry, "outcome").SelectMany(static row => row[0].Split(", "))];

        Assert.Equal(Enum.GetValues<OutcomeKind>().Select(OutcomeNames.Of).Append(OutcomeNames.Abandoned).Order(StringComparer.Ordinal), named.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Names_in_the_connection_are_those_of_the_code()
    {
        string[] named = [.. Readme.Table(Configuration, "Name", "Meaning").SelectMany(static row => row[0].Replace(" or ", ", ", StringComparison.Ordinal).Split(", "))];

        Assert.Equal(Enum.GetValues<EntryField>().Select(EntryFieldNames.InData).Order(StringComparer.Ordinal), named.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Variables_are_those_of_the_code()
    {
        string[] named = [.. Readme.Table(Configuration, "Variable").SelectMany(static row => row[0].Split(", "))];

        Assert.Equal(
            typeof(VariableNames).GetFields().Select(static field => (string)field.GetRawConstantValue()!).Order(StringComparer.Ordinal), named.Order(StringComparer.Ordinal));
    }

    private static string Cell(string table, string option) => Readme.Table(Options, table).Single(row => row[0] == option)[1];
}
