using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;
using System.Text.RegularExpressions;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>The sample Dashboard where the variables name endpoints. With simulated ones it is tested in a browser.</summary>
public sealed partial class DashboardSampleTests
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

    [Fact]
    public async Task Of_three_instances_two_know_what_the_first_has_found_and_make_no_call()
    {
        await using SampleProcess app = SampleProcess.Start("Dashboard", new Dictionary<string, string>(), ["--urls", "http://127.0.0.1:0", "--instances", "3"]);
        using HttpClient http = new() { BaseAddress = await app.AddressAsync(Cancellation) };
        string[] addresses;
        while ((addresses = [.. Listening().Matches(app.Output).Select(static match => match.Groups["address"].Value)]).Length < 3)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), Cancellation);
        }

        using HttpResponseMessage throttled = await http.PutAsync("/api/resources/contoso-sweden/Throttled", null, Cancellation);
        throttled.EnsureSuccessStatusCode();
        foreach (string other in addresses[1..])
        {
            JsonElement sweden;
            while ((sweden = await SwedenAsync(http, other)).GetProperty("toldBy").GetString() is null)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), Cancellation);
            }

            Assert.Equal(
                ("unavailable", "rate limited", "another process", 0),
                (sweden.GetProperty("state").GetString(), sweden.GetProperty("reason").GetString(), sweden.GetProperty("toldBy").GetString(), sweden.GetProperty("rateLimited").GetInt32()));
        }
    }

    /// <summary>The endpoint in the first frame of an instance's live view.</summary>
    private static async Task<JsonElement> SwedenAsync(HttpClient http, string address)
    {
        await using Stream stream = await http.GetStreamAsync(new Uri($"{address}/live/events"), Cancellation);
        await using IAsyncEnumerator<SseItem<string>> frames = SseParser.Create(stream).EnumerateAsync(Cancellation).GetAsyncEnumerator(Cancellation);
        Assert.True(await frames.MoveNextAsync());
        return JsonElement.Parse(frames.Current.Data).GetProperty("endpoints")[0];
    }

    [GeneratedRegex(@"Now listening on: (?<address>http://127\.0\.0\.1:\d+)")]
    private static partial Regex Listening();
}
