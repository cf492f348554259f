using System.Text;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A token that the service refuses is renewed, and asked with once more, before its endpoint is blamed.</summary>
[Trait("Rule", "R16")]
public class RefusedTokenTests
{
    private const string Claims = """{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}""";

    public static TheoryData<bool, bool> Ways => new() { { false, false }, { true, false }, { false, true }, { true, true } };

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task IsRenewedOnce_AndTheEndpointAnswers(bool streaming, bool v1)
    {
        FakeCredential credential = new(TimeProvider.System);
        using ServicePool pool = Pool(v1, credential);
        await pool.AskAsync(streaming);
        pool.Service.On = request => request.Header("Authorization") == "Bearer token-1" ? FakeService.Refusal(401) : null;

        Assert.Equal("one", await pool.AskAsync(streaming));
        Assert.Equal("one", await pool.AskAsync(streaming));

        Assert.Equal(["token-1", "token-1", "token-2", "token-2"], Sent(pool));
        Assert.Equal(2, credential.Fetched);
        Assert.Null(credential.LastContext.Claims);
        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task ClaimsOfTheChallenge_GoToTheCredential_Once(bool streaming, bool v1)
    {
        FakeCredential credential = new(TimeProvider.System);
        using ServicePool pool = Pool(v1, credential);
        pool.Service.On = request => request.Header("Authorization") == "Bearer token-1"
            ? FakeService.Refusal(401, ("WWW-Authenticate", $"Bearer realm=\"a, b\", error=\"insufficient_claims\", claims=\"{Convert.ToBase64String(Encoding.UTF8.GetBytes(Claims))}\""))
            : null;

        Assert.Equal("one", await pool.AskAsync(streaming));

        Assert.Equal(Claims, credential.LastContext.Claims);
        Assert.Equal(["https://cognitiveservices.azure.com/.default"], credential.LastContext.Scopes);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task RefusedAgain_IsTheEndpoints(bool streaming, bool v1)
    {
        FakeCredential credential = new(TimeProvider.System);
        using ServicePool pool = Pool(v1, credential, "two");
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(401) : null;

        Assert.Equal("two", await pool.AskAsync(streaming));

        Assert.Equal(["token-1", "token-2"], Sent(pool).Take(2));
        Assert.Equal(EndpointFailureReason.CredentialRefused, pool.Pool.GetStatus()[0].Reason);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task ManyCallsThatMeetTheSameRefusal_RenewOnce(bool streaming, bool v1)
    {
        FakeCredential credential = new(TimeProvider.System);
        using ServicePool pool = Pool(v1, credential);
        await pool.AskAsync(streaming);
        TaskCompletionSource all = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int refused = 0;
        pool.Service.OnAsync = async (request, token) =>
        {
            if (request.Header("Authorization") != "Bearer token-1")
            {
                return FakeService.Answer(request);
            }

            if (Interlocked.Increment(ref refused) == 20)
            {
                all.SetResult();
            }

            await all.Task.WaitAsync(token);
            return FakeService.Refusal(401);
        };

        Assert.All(await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => pool.AskAsync(streaming)))), answer => Assert.Equal("one", answer));

        Assert.Equal(2, credential.Fetched);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task AKey_IsNotAskedWithTwice(bool streaming, bool v1)
    {
        using ServicePool pool = Pool(v1, credential: null, "two");
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(401) : null;

        Assert.Equal("two", await pool.AskAsync(streaming));
        Assert.Equal(2, pool.Service.Requests.Length);
    }

    private static IEnumerable<string?> Sent(ServicePool pool) => pool.Service.Requests.Select(request => request.Header("Authorization")?["Bearer ".Length..]);

    private static ServicePool Pool(bool v1, FakeCredential? credential, params string[] others) => new(["one", .. others], (i, endpoint) =>
    {
        endpoint.Endpoint = v1 ? new Uri(endpoint.Endpoint!, "openai/v1") : endpoint.Endpoint;
        if (i == 0 && credential is not null)
        {
            (endpoint.ApiKey, endpoint.Credential) = (null, credential);
        }
    });
}
