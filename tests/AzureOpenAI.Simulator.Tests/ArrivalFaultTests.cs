using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

public sealed class ArrivalFaultTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<Fault, int, string, string?> Answers => new()
    {
        { Fault.Status(503), 503, """{"error":{"code":"503","message":"The service is temporarily unable to process your request. Please try again later."}}""", "application/json" },
        { Fault.Status(403, "Public access is disabled.", "403"), 403, """{"error":{"code":"403","message":"Public access is disabled."}}""", "application/json" },
        { Fault.Response(418, "short", "text/plain"), 418, "short", "text/plain" },
        { Fault.Response(500, "", contentType: null), 500, "", null },
        { Fault.EmptyBody(), 200, "", "application/json" },
        { Fault.Html(502).WithBody("<html>no</html>"), 502, "<html>no</html>", "text/html" },
        { Fault.MalformedJson(), 200, """{"id":"chatcmpl-broken","object":"chat.completion","choices":[{"index":0,,}""", "application/json" },
        { Fault.Response(204, "", contentType: null), 204, "", null },
    };

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task Answer_InPlaceOfService_IsSentAsScripted(Fault fault, int status, string body, string? contentType)
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddFault(fault));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync();

        var entry = Assert.Single(azure.Ledger.Snapshot());
        Assert.Equal((status, body), (answer.Status, answer.Body));
        Assert.Equal(contentType, answer.ContentHeaders.ContentType?.MediaType);
        Assert.Equal((LedgerOutcome.Faulted, fault.Name), (entry.Outcome, entry.Fault));
        Assert.Equal("hello", entry.LastUserText);
    }

    [Fact]
    public async Task EmptyBody_ForStream_HasTheStreamsContentType()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddFault(Fault.EmptyBody()));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync(stream: true);

        Assert.Equal((200, ""), (answer.Status, answer.Body));
        Assert.Equal("text/event-stream", answer.ContentHeaders.ContentType?.MediaType);
    }

    [Fact]
    public async Task Redirect_Location_IsGiven()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddFault(Fault.Redirect(new Uri("https://login.example/"))));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync();

        Assert.Equal((302, "https://login.example/"), (answer.Status, answer.Header("Location")));
    }

    [Fact]
    public async Task Throttle_Headers_AreWholeSecondsAndExactMilliseconds()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource
            .AddFault(Fault.Throttle(TimeSpan.FromMilliseconds(20_300)).Times(1))
            .AddFault(Fault.Throttle().WithHeader("Retry-After", "Wed, 21 Oct 2065 07:28:00 GMT")));
        using var client = new WireClient(azure["east"]);

        var hinted = await client.ChatAsync();
        var dated = await client.ChatAsync();

        Assert.Equal(("21", "20300"), (hinted.Header("Retry-After"), hinted.Header("retry-after-ms")));
        Assert.Equal(("Wed, 21 Oct 2065 07:28:00 GMT", null), (dated.Header("Retry-After"), dated.Header("retry-after-ms")));
    }

    [Fact]
    public async Task ResetBeforeHeaders_Client_SeesConnectionReset()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddFault(Fault.ResetBeforeHeaders()));
        using var client = new WireClient(azure["east"]);

        var exception = await Assert.ThrowsAsync<HttpRequestException>(() => client.ChatAsync());

        var socket = Assert.IsType<SocketException>(exception.InnerException?.InnerException);
        var entry = Assert.Single(azure.Ledger.Snapshot());
        Assert.Equal(SocketError.ConnectionReset, socket.SocketErrorCode);
        Assert.Equal((LedgerOutcome.Faulted, null), (entry.Outcome, entry.Status));
    }

    [Fact]
    public async Task NeverAnswer_ClientGivesUp_IsRecordedAsAbortedByClient()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddFault(Fault.NeverAnswer()));
        using var client = new WireClient(azure["east"]);
        using var patience = new CancellationTokenSource();

        var call = client.StartChatAsync("hello", stream: false, patience.Token);
        await azure.Ledger.WaitForAsync(entries => entries is [{ Outcome: LedgerOutcome.InProgress, Fault: "never answer" }], Cancellation);
        await patience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        var ended = await azure.Ledger.WaitForAsync(entries => entries[0].CompletedAt is not null, Cancellation);
        Assert.Equal((LedgerOutcome.AbortedByClient, null), (ended[0].Outcome, ended[0].Status));
    }

    [Fact]
    public async Task Delay_Elapsed_LetsRequestGoOn()
    {
        var time = new FakeTimeProvider();
        await using var azure = await Simulators.StartOneAsync(
            resource => resource.AddFault(Fault.Delay(Latency.Constant(TimeSpan.FromSeconds(5)))).AddFault(Fault.Status(500).After(Latency.Constant(TimeSpan.FromSeconds(2)))),
            time);
        using var client = new WireClient(azure["east"]);

        var call = client.ChatAsync();
        await time.AdvanceUntilAsync(call);

        var entry = Assert.Single(azure.Ledger.Snapshot());
        Assert.Equal(500, (await call).Status);
        Assert.Equal("delay, status 500", entry.Fault);
        Assert.True(entry.CompletedAt - entry.ArrivedAt >= TimeSpan.FromSeconds(7));
    }

    [Fact]
    public void WithHeader_FaultWithoutAnswer_Throws()
    {
        Assert.Throws<InvalidOperationException>(() => Fault.NeverAnswer().WithHeader("a", "b"));
        Assert.Throws<InvalidOperationException>(() => Fault.CutAfter(1).WithBody("b"));
        Assert.Throws<ArgumentException>(() => Fault.Status(500).WithHeader("a b", "c"));
        Assert.Throws<ArgumentException>(() => Fault.Status(500).WithHeader("a", "c\r\nd"));
    }

    [Fact]
    public void Factories_BadArguments_Throw()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Fault.Status(200));
        Assert.Throws<ArgumentOutOfRangeException>(() => Fault.Response(100, ""));
        Assert.Throws<ArgumentOutOfRangeException>(() => Fault.CutAfter(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Fault.Status(500).Times(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Fault.Status(500).WithProbability(1.1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Fault.Status(500).WithProbability(double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => Fault.Status(500).During(TimeSpan.Zero, TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(() => Fault.Throttle(TimeSpan.FromSeconds(-1)));
    }
}
