using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>What the rate limit headers of answers do to the turns of an endpoint.</summary>
[Trait("Rule", "4")]
public class EndpointNearItsLimitTests
{
    [Fact]
    public async Task AnyHeaders_NeverKeepAnEndpointOutOfTheRotationForGood()
    {
        Gen<(string, string)> header = Gen.Select(
            Gen.OneOf("x-ratelimit-remaining-requests", "x-ratelimit-limit-requests", "x-ratelimit-reset-requests", "x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens",
                "azure-openai-deployment-utilization", "x-ms-spillover-from-deployment", "x-ms-spillover-from-gpt", "x-ms-spillover-error", "Retry-After", "retry-after-ms"),
            Gen.OneOf(
                Gen.OneOf("0", "-1", "1", "100", "1e308", "NaN", "Infinity", "60", "59s", "1m", "1000h", "99999999999999999999", "100%", "-5%", "%", "Fri, 31 Dec 9999 23:59:59 GMT"),
                Gen.Char[' ', '~'].Array[0, 12].Select(static letters => new string(letters))));
        await header.Array[0, 8].Array[1, 4].SampleAsync(static async said =>
        {
            using ServicePool pool = new(["one", "two"]);
            int answers = 0;
            pool.Service.On = request =>
            {
                HttpResponseMessage answer = FakeService.Answer(request);
                foreach ((string name, string value) in request.Host == "one" ? said[answers++ % said.Length] : [])
                {
                    answer.Headers.TryAddWithoutValidation(name, value);
                }

                return answer;
            };

            for (int i = 0; i < 60; i++)
            {
                await pool.AskAsync();
                pool.Time.Advance(TimeSpan.FromSeconds(5));
            }

            // It can say once a minute that it is near its limit, and take that back with the next answer.
            Assert.InRange(answers, 5, 55);
            Assert.All(pool.Pool.GetStatus(), static status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
        }, iter: 60);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FailedAtTheOthers_GoesToTheOneNearItsLimitAtOnce(bool streaming)
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request =>
        {
            HttpResponseMessage answer = FakeService.Answer(request);
            foreach ((string name, string value) in request.Host == "two" ? NearHeaders(5) : [])
            {
                answer.Headers.Add(name, value);
            }

            return answer;
        };
        for (int i = 0; i < 4; i++)
        {
            await pool.AskAsync(streaming);
        }

        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(500) : null;
        int before = pool.Service.Requests.Length;

        Assert.Equal("two", await pool.AskAsync(streaming));
        Assert.Equal(["one", "two"], pool.Service.Requests.Skip(before).Select(request => request.Host));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NearItsLimit_HasNoTurnsUntilItsReset_UnlessAllAreNear(bool streaming)
    {
        using ServicePool pool = new(["one", "two", "three"]);
        HashSet<string> near = ["two"];
        pool.Service.On = request =>
        {
            HttpResponseMessage answer = FakeService.Answer(request);
            foreach ((string name, string value) in near.Contains(request.Host) ? NearHeaders(5) : [])
            {
                answer.Headers.Add(name, value);
            }

            return answer;
        };

        Assert.Equal("1 1 1", await AskAsync(3));
        Assert.Equal("3 0 3", await AskAsync(6));
        near.UnionWith(["one", "three"]);
        Assert.Equal("1 0 1", await AskAsync(2));
        Assert.Equal("2 2 2", await AskAsync(6));
        // In turn, and not as calls that the rotation has no room for.
        Assert.Equal(3, pool.Pool.DefaultPicker.Rotation.Count);
        near.Clear();
        pool.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("2 2 2", await AskAsync(6));

        async Task<string> AskAsync(int count)
        {
            int before = pool.Service.Requests.Length;
            for (int i = 0; i < count; i++)
            {
                await pool.AskAsync(streaming);
            }

            return string.Join(' ', new[] { "one", "two", "three" }.Select(host => pool.Service.Requests.Skip(before).Count(request => request.Host == host)));
        }
    }

    private static (string Name, string Value)[] NearHeaders(double seconds) =>
        [("x-ratelimit-remaining-tokens", "1"), ("x-ratelimit-limit-tokens", "100"), ("x-ratelimit-reset-tokens", $"{seconds}s")];
}
