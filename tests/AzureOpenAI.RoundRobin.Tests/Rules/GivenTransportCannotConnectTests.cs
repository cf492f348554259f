using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A given HttpClient whose Timeout is infinite has one timeout only, that of its handler on connecting: an endpoint that meets it is unreachable.</summary>
[Trait("Rule", "R6")]
public class GivenTransportCannotConnectTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TwoOfThreeDead_EveryCallIsAnswered(bool streaming)
    {
        using ServicePool pool = new(["one", "two", "three"]);
        pool.Service.On = request => request.Host == "three" ? null : throw ConnectTimeout();

        for (int i = 0; i < 6; i++)
        {
            Assert.Equal("three", await pool.AskAsync(streaming));
        }

        Assert.All(["one", "two"], name => Assert.Equal(EndpointFailureReason.Unreachable, pool.Pool.GetStatus().First(status => status.Name == name).Reason));
        Assert.Equal(8, pool.Service.Requests.Length);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WithATimeoutOfItsOwn_ItMayBeThat(bool streaming)
    {
        using HttpClient impatient = new(new FakeService { On = _ => throw ConnectTimeout() }) { Timeout = TimeSpan.FromSeconds(50) };
        using ServicePool pool = new(["one", "two"], configure: options => options.HttpClient = impatient);

        await Assert.ThrowsAsync<TimeoutException>(() => pool.AskAsync(streaming));

        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal(EndpointFailureReason.TimedOut, status.LastError!.Reason));
    }

    /// <summary>As SocketsHttpHandler throws it.</summary>
    private static TaskCanceledException ConnectTimeout() =>
        new("The operation was canceled.", new TimeoutException("A connection could not be established within the configured ConnectTimeout."));
}
