using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>The samples AppHost and AppHostApi: Aspire starts an app with the connection strings of simulated resources. It needs no container.</summary>
public sealed partial class AppHostSampleTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Its_app_answers_from_both_resources()
    {
        await using SampleProcess host = SampleProcess.Start(
            "AppHost",
            new Dictionary<string, string>
            {
                // Those of launchSettings.json, at free ports.
                ["ASPNETCORE_URLS"] = Free(),
                ["ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL"] = Free(),
                ["ASPIRE_RESOURCE_SERVICE_ENDPOINT_URL"] = Free(),
                ["ASPIRE_ALLOW_UNSECURED_TRANSPORT"] = "true",
            },
            arguments: []);
        Task<int> end = host.EndAsync(Cancellation);
        Match asked;
        while (!(asked = Asked().Match(host.Output)).Success)
        {
            Assert.False(end.IsCompleted, host.Output);
            await Task.Delay(100, Cancellation);
        }

        using HttpClient http = new();
        string[] answers = [await http.GetStringAsync(new Uri(asked.Value), Cancellation), await http.GetStringAsync(new Uri(asked.Value), Cancellation)];

        Assert.Equal(["[france] Hello", "[sweden] Hello"], answers.Order(StringComparer.Ordinal));
    }

    /// <summary>With the names that the AppHost gives, but without an AppHost.</summary>
    [Fact]
    public async Task The_app_takes_connection_strings_from_the_environment()
    {
        await using AzureOpenAISimulator azure = await AzureOpenAISimulator.StartAsync(static simulator => simulator.AddResource("sweden").AddResource("france"), Cancellation);
        await using SampleProcess app = SampleProcess.Start(
            "AppHostApi", azure.Resources.ToDictionary(static resource => $"ConnectionStrings__{resource.Name}", static resource => $"Endpoint={resource.Endpoint};Key={resource.ApiKey};Deployment=gpt-4o"));
        using HttpClient http = new() { BaseAddress = await app.AddressAsync(Cancellation) };

        string[] answers = [await http.GetStringAsync("/ask?question=Hello", Cancellation), await http.GetStringAsync("/ask?question=Hello", Cancellation)];

        Assert.Equal(["[france] Hello", "[sweden] Hello"], answers.Order(StringComparer.Ordinal));
        Assert.Equal([1, 1], azure.Resources.Select(resource => azure.Ledger.Count(resource.Name).Answered));
    }

    private static string Free()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return string.Create(CultureInfo.InvariantCulture, $"http://localhost:{((IPEndPoint)listener.LocalEndpoint).Port}");
    }

    [GeneratedRegex(@"http://localhost:\d+/ask\?question=Hello")]
    private static partial Regex Asked();
}
