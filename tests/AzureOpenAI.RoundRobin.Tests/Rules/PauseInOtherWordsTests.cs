using System.ClientModel;
using System.Globalization;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A pause that an endpoint states is kept, on whichever status and in whichever words.</summary>
[Trait("Rule", "R7")]
public class PauseInOtherWordsTests
{
    /// <summary>An answer's status, its headers as lines, its text, and the pause that it states.</summary>
    private static readonly (int Status, string Headers, string Text, double Seconds)[] Answers =
    [
        (403, "Retry-After: 30", "Out of call volume quota.", 30),
        (402, "Retry-After: 30", "", 30),
        (408, "Retry-After: 30", "", 30),
        (500, "Retry-After: 30", "", 30),
        (502, "Retry-After: 30", "", 30),
        (504, "Retry-After: 30", "", 30),
        (529, "retry-after-ms: 30000", "", 30),
        (424, "x-ms-retry-after-ms: 30000", "", 30),
        (404, "Retry-After: 30", "", 30),
        (429, "Retry-After: 4, 4", "", 4),
        (429, "Retry-After: 4|Retry-After: 9", "", 9),
        (429, $"Retry-After: {Date(3642)}|Date: {Date(3600)}", "", 42),
        (429, $"Retry-After: {Date(-3558)}|Date: {Date(-3600)}", "", 42),
        (503, $"Retry-After: {Date(10)}, {Date(42)}", "", 42),
        (429, "x-ratelimit-remaining-requests: 0|x-ratelimit-reset-requests: 20", "", 20),
        (429, "x-ratelimit-remaining-tokens: 0|x-ratelimit-reset-tokens: 1m30s|x-ratelimit-remaining-requests: 7|x-ratelimit-reset-requests: 9m0s", "", 90),
        (429, "x-rate-limit-remaining-tokens: 0|x-rate-limit-reset-tokens: 1700ms", "", 1.7),
        (429, $"x-ratelimit-remaining-requests: 0|x-ratelimit-reset-requests: {Clocks.Start.AddSeconds(33).ToUnixTimeSeconds()}", "", 33),
        (429, "", "Requests to the API have exceeded the call rate limit. Please retry after 26 seconds.", 26),
        (429, "", "Rate limit is exceeded. Try again in 2 minutes.", 120),
        (503, "", "Please try again in 1500 milliseconds.", 1.5),
        (429, "Retry-After: Infinity", "Please retry after 26 seconds.", 26),
        (429, "retry-after-ms: 1e300|Retry-After: 5", "", 5),
    ];

    public static TheoryData<int, bool> Cases
    {
        get
        {
            TheoryData<int, bool> data = [];
            for (int i = 0; i < Answers.Length; i++)
            {
                data.Add(i, false);
                data.Add(i, true);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task StatedPause_IsExactlyTheCooldown(int index, bool streaming)
    {
        (int status, string headers, string text, double seconds) = Answers[index];
        using FakePool pool = new(2, jitter: () => 1);
        pool.Clients[0].Plays(Answer(status, headers, text));

        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal(seconds, pool.OutFor(0));
        pool.Time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
        Assert.Equal("bb", await pool.AskManyAsync(2, streaming));
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal("a", await pool.AskAsync(streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SpentQuotaOfAGateway_IsRateLimited_AndNoRefusedCredential(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(Answer(403, "Retry-After: 30", "Out of call volume quota."));

        await pool.AskAsync(streaming);

        EndpointStatus status = pool.StatusOf(0);
        Assert.Equal((EndpointFailureReason.RateLimited, 1L), (status.Reason, status.RateLimited));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SpentQuotaOfAll_IsWaitedFor(bool streaming)
    {
        using FakePool pool = new(2);
        Array.ForEach(pool.Clients, client => client.Plays(Answer(403, "Retry-After: 20", "Out of call volume quota.")));
        Task<string> call = pool.AskAsync(streaming);

        await pool.AdvanceAsync(19.9);
        Assert.Equal([1, 1], pool.Calls);
        await pool.AdvanceAsync(0.1);

        Assert.Contains(await call, (string[])["a", "b"]);
    }

    /// <summary>Hours at a status that speaks of a quota say nothing of the request, so the endpoint is not asked again and again for each.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SpentQuotaForHours_IsAskedAgainAfterAMinute_AndNoRequestIsSuspected(bool streaming)
    {
        using FakePool pool = new(3);
        Array.ForEach(pool.Clients[..2], client => client.Fails = Answer(403, "Retry-After: 86400", "Out of call volume quota."));

        Assert.Equal("c", await pool.AskAsync(streaming));

        Assert.Equal([60, 60, 0], [pool.OutFor(0), pool.OutFor(1), pool.OutFor(2)]);
    }

    [Theory]
    [InlineData(401, false)]
    [InlineData(401, true)]
    [InlineData(407, false)]
    [InlineData(407, true)]
    public async Task RefusedIdentity_StatesNoPause(int status, bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(Answer(status, "Retry-After: 30", ""));

        await pool.AskAsync(streaming);

        Assert.Null(pool.StatusOf(0).LastError!.RetryAfter);
    }

    [Theory]
    [InlineData("x-ratelimit-reset-requests: 20")]
    [InlineData("x-ratelimit-remaining-requests: 1|x-ratelimit-reset-requests: 20")]
    [InlineData("x-ratelimit-remaining-requests: 0|x-ratelimit-reset-requests: soon")]
    public async Task CounterThatIsNotSpent_StatesNoPause(string headers)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(Answer(429, headers, ""));

        await pool.AskAsync();

        Assert.Null(pool.StatusOf(0).LastError!.RetryAfter);
    }

    /// <summary>A counter that says 0 with answers that are followed by more answers is wrong, or of a bucket that fills drop by drop: its reset is no pause.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task ResetBeforeWhichCallsAreTaken_IsNoPause(bool streaming, bool isTaken)
    {
        using ServicePool pool = new(["one", "two"]);
        bool refuses = false;
        pool.Service.On = request =>
        {
            HttpResponseMessage answer = refuses && request.Host == "one" ? FakeService.Refusal(429) : FakeService.Answer(request);
            answer.Headers.Add("x-ratelimit-remaining-requests", isTaken || refuses ? "0" : "9");
            answer.Headers.Add("x-ratelimit-reset-requests", "60");
            return answer;
        };
        for (int i = 0; i < 8; i++)
        {
            await pool.AskAsync(streaming);
        }

        refuses = true;
        await pool.AskAsync(streaming);
        await pool.AskAsync(streaming);

        EndpointStatus one = pool.Pool.GetStatus()[0];
        Assert.Equal(1, one.RateLimited);
        Assert.Equal(!isTaken, one.ReadyIn > TimeSpan.FromSeconds(59));
    }

    private static string Date(double seconds) => Clocks.Start.AddSeconds(seconds).ToString("R", CultureInfo.InvariantCulture);

    private static ClientResultException Answer(int status, string headers, string text) => FakeFailure.Saying(
        status, $$$"""{"error":{"code":"{{{status}}}","message":"{{{text}}}"}}""",
        [.. headers.Split('|', StringSplitOptions.RemoveEmptyEntries).Select(static line => (line.Split(": ", 2)[0], line.Split(": ", 2)[1]))]);
}
