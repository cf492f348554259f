using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>The user's own code says what an exception of theirs is.</summary>
[Trait("Rule", "R3")]
public class ClassifyExceptionTests
{
    [Theory]
    [InlineData(EndpointFailureReason.RateLimited, false)]
    [InlineData(EndpointFailureReason.RateLimited, true)]
    [InlineData(EndpointFailureReason.Unreachable, false)]
    [InlineData(EndpointFailureReason.Unreachable, true)]
    [InlineData(EndpointFailureReason.CredentialRefused, false)]
    [InlineData(EndpointFailureReason.CredentialRefused, true)]
    public async Task WhatItSays_IsTheReason(EndpointFailureReason reason, bool streaming)
    {
        using FakePool pool = new(2, options => options.ClassifyException = exception => exception is UnknownSdkException ? reason : null);
        pool.Clients[0].Plays(new UnknownSdkException("full"));

        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal((reason, EndpointState.Unavailable), (pool.StatusOf(0).LastError!.Reason, pool.StateOf(0)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ItBeatsTheStatus_AndTheStatedTimeIsKept(bool streaming)
    {
        using FakePool pool = new(2, options => options.ClassifyException = _ => EndpointFailureReason.RateLimited);
        pool.Clients[0].Plays(FakeFailure.Status(400, ("Retry-After", "7")));

        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal((EndpointFailureReason.RateLimited, 400, 7), (pool.StatusOf(0).LastError!.Reason, pool.StatusOf(0).LastError!.Status, pool.OutFor(0)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ItThrows_OurOwnRulesDecide_AndItIsToldOnce(bool streaming)
    {
        FakeLogCollector logs = new();
        using ILoggerFactory loggers = LoggerFactory.Create(logging => logging.AddProvider(new FakeLoggerProvider(logs)));
        using FakePool pool = new(2, options => options.ClassifyException = _ => throw new InvalidOperationException("mistaken"), loggerFactory: loggers);
        pool.Clients[0].Plays(FakeFailure.Status(500), null, FakeFailure.Status(500));

        await pool.AskManyAsync(2, streaming);
        await pool.AskManyAsync(2, streaming);

        Assert.Single(logs.GetSnapshot(), record => record.Id.Name == "ClassifyExceptionFailed");
    }

    [Fact]
    public async Task WhatTheCallerCancelled_IsNotAsked()
    {
        int asked = 0;
        using FakePool pool = new(2, options => options.ClassifyException = _ =>
        {
            asked++;
            return null;
        });
        using CancellationTokenSource source = new();
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(token: source.Token);

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.Equal(0, asked);
    }
}
