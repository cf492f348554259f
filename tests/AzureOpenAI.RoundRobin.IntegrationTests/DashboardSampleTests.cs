using System.Net;
using System.Net.Http.Json;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>The sample Dashboard where the variables name endpoints. With simulated ones it is tested in a browser.</summary>
public sealed class DashboardSampleTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_asks_the_endpoints_of_the_variables_only_when_told_to_and_cannot_break_them()
    {
        await using AzureOpenAISimulator azure = await AzureOpenAISimulator.StartAsync(static simulator => simulator.AddResource("east"), Cancellation);
        await using SampleProcess app = SampleProcess.Start("Dashboard", azure);
        using HttpClient http = new() { BaseAddress = await app.AddressAsync(Cancellation) };

        using HttpResponseMessage broken = await http.PutAsync("/api/resources/east/Broken", null, Cancellation);
        using HttpResponseMessage empty = await http.PostAsJsonAsync("/api/chat", new { messages = Array.Empty<object>() }, Cancellation);
        Assert.Equal("[]", await http.GetStringAsync("/api/resources", Cancellation));
        Assert.Equal(0, azure.Ledger.Count("east").Attempts);
        using HttpResponseMessage chat = await http.PostAsJsonAsync("/api/chat", new { messages = new[] { new { fromUser = true, text = "Hello" } } }, Cancellation);
        string events = await chat.Content.ReadAsStringAsync(Cancellation);

        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.BadRequest), (broken.StatusCode, empty.StatusCode));
        Assert.Contains("\"endpoint\":\"east\",\"attempts\":1", events, StringComparison.Ordinal);
        Assert.Equal(1, azure.Ledger.Count("east").Attempts);
        Assert.DoesNotContain(azure["east"].ApiKey, events + app.Output, StringComparison.Ordinal);
    }
}
