using System.ClientModel;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A refusal of a request that may be one endpoint's own: one other endpoint is asked, and no endpoint is blamed for this request.</summary>
[Trait("Rule", "R4")]
public sealed class RefusalThatMayBeTheEndpointsTests
{
    public static TheoryData<int, string, bool> Refusals => new MatrixTheoryData<(int Status, string Code), bool>(
        [
            (421, "misdirected"), (423, "locked"), (451, "legal"), (400, "OperationNotSupported"), (400, "model_not_found"), (400, "API version not supported"),
            (400, "The model does not support the Responses API."), (422, "response_format"),
        ],
        [false, true]).Select(row => row.Data).Aggregate(new TheoryData<int, string, bool>(), static (rows, row) =>
        {
            rows.Add(row.Item1.Status, row.Item1.Code, row.Item2);
            return rows;
        });

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task OfOneEndpoint_AnotherAnswers(int status, string code, bool streaming)
    {
        using ServicePool pool = new(["one", "two", "three"]);
        pool.Service.On = request => request.Host == "one" ? FakeService.Error(status, code) : null;

        for (int i = 0; i < 3; i++)
        {
            Assert.NotEqual("one", await pool.AskAsync(streaming));
        }

        Assert.Equal(EndpointState.Healthy, pool.StateOf("one"));
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task OfTwoEndpoints_TheFirstSurfaces(int status, string code, bool streaming)
    {
        using ServicePool pool = new(["one", "two", "three"]);
        pool.Service.On = _ => FakeService.Error(status, code);

        ClientResultException failure = await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming));

        Assert.Equal((status, 2), (failure.Status, pool.Service.Requests.Length));
        Assert.All(pool.Pool.GetStatus(), endpoint => Assert.Equal(EndpointState.Healthy, endpoint.State));
    }

    [Theory]
    [InlineData(400, "content_filter", false)]
    [InlineData(400, "content_filter", true)]
    [InlineData(400, "invalid_request_error", false)]
    [InlineData(413, "too large", false)]
    public async Task OfTheRequestItself_SurfacesAtOnce(int status, string code, bool streaming)
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = _ => FakeService.Error(status, code);

        await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming));

        Assert.Single(pool.Service.Requests);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TooLongForTheModel_AnotherDeploymentAnswersAndTheEndpointIsWell(bool streaming)
    {
        using ServicePool pool = new(["one/small", "two/small", "three/large"]);
        pool.Service.On = request => request.Host == "three" ? null : FakeService.Error(400, "context_length_exceeded");

        for (int i = 0; i < 12; i++)
        {
            Assert.Equal("three", await pool.AskAsync(streaming, prompt: $"too long {i}"));
        }

        // Each is asked once at most with the small model, and some begin at the large one.
        Assert.InRange(pool.Service.Requests.Length, 13, 24);
        Assert.All(pool.Pool.GetStatus(), endpoint => Assert.Equal(EndpointState.Healthy, endpoint.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TooLongForTheModel_WhereAllHaveTheSameDeployment_SurfacesAtOnce(bool streaming)
    {
        using ServicePool pool = new(["one", "two", "three"]);
        pool.Service.On = _ => FakeService.Error(400, "context_length_exceeded");

        Assert.Equal(400, (await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming))).Status);

        Assert.Single(pool.Service.Requests);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TooLongForTheModel_AnotherPriorityMayTakeIt(bool streaming)
    {
        using ServicePool pool = new(["one", "two"], endpoint: static (i, entry) => entry.Priority = i);
        pool.Service.On = request => request.Host == "one" ? FakeService.Error(400, "context_length_exceeded") : null;

        Assert.Equal("two", await pool.AskAsync(streaming));
    }

    /// <summary>Polls by a caller whose job has expired, beside ordinary calls.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Rule", "R5")]
    public async Task OfAnExpiredJob_CostsOthersNothing(bool streaming)
    {
        using FakePool pool = new(3);
        foreach (FakeChatClient client in pool.Clients)
        {
            var (call, stream) = (client.OnCall, client.OnStream);
            client.OnCall = (messages, options, token) => options?.ContinuationToken is null ? call(messages, options, token) : Task.FromException<ChatResponse>(FakeFailure.Status(404));
            client.OnStream = (messages, options, token) => options?.ContinuationToken is null ? stream(messages, options, token) : throw FakeFailure.Status(404);
        }

        for (int i = 0; i < 12; i++)
        {
            ChatOptions poll = new() { ContinuationToken = ResponseContinuationToken.FromBytes(new byte[] { 1 }) };
            Assert.Equal(404, (await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming, poll))).Status);
            await pool.AskManyAsync(5, streaming);
        }

        Assert.All(pool.Pool.GetStatus(), endpoint => Assert.Equal(EndpointState.Healthy, endpoint.State));
    }

    /// <summary>The job of a valid token is at one endpoint: another one's 404 says nothing of it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Rule", "R5")]
    public async Task OfAJobAtAnotherEndpoint_IsFoundThere(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = FakeFailure.Status(404);
        pool.Clients[1].Fails = FakeFailure.Status(404);

        Assert.Equal("c", await pool.AskAsync(streaming, new ChatOptions { ContinuationToken = ResponseContinuationToken.FromBytes(new byte[] { 1 }) }));

        Assert.All(pool.Pool.GetStatus(), endpoint => Assert.Equal(EndpointState.Healthy, endpoint.State));
    }
}
