using System.ClientModel;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using CsCheck;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Whatever status, headers and body an endpoint answers with: a whole answer, from it or from another, or an exception that says so.</summary>
public sealed class StatusProperties
{
    private const string EastText = "[east] here";

    private static readonly string[] Bodies =
    [
        "", " ", "null", "true", "[]", "{}", "0", "\"text\"", "{", "\u0000", "<html><body>Bad gateway</body></html>", RawPair.Completion(EastText), RawPair.Completion(EastText)[..^20],
        """{"error":{"code":"429","message":"slow down"}}""", """{"error":"text"}""", """{"error":null}""", """{"error":[]}""", """{"statusCode":401,"message":"no"}""",
        """{"error":{"code":5,"message":{},"innererror":[]}}""", """{"choices":null}""", """{"choices":[]}""", """{"choices":[{}]}""", """{"choices":[{"message":null,"finish_reason":"stop"}]}""",
        """{"id":5,"choices":"x"}""", """{"choices":[{"index":0,"finish_reason":"quota_of_the_future","message":{"role":"assistant","content":"x"}}]}""",
        "data: [DONE]\n\n", "data: {\"error\":{\"message\":\"no\"}}\n\n", "event: error\ndata: {}\n\n", "data: {}\n\n", "data: nonsense\n\n", new string('[', 5000), new string('{', 100_000),
    ];

    private static readonly Gen<(string Name, string Value)> Header = Gen.Select(
        Gen.OneOf("Retry-After", "retry-after-ms", "x-ms-retry-after-ms", "x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens",
            "azure-openai-deployment-utilization", "x-ms-spillover-error", "x-should-retry", "Content-Type", "Location", "WWW-Authenticate", "Set-Cookie"),
        Gen.OneOf(
            Gen.OneOf("", "-1", "0", "1", "1e308", "NaN", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "6m0s", "100%", "text/html", "application/json; charset=utf-7", "http://127.0.0.1:9/"),
            Gen.Char[' ', '~'].Array[0, 20].Select(static letters => new string(letters))));

    private static readonly Gen<string> Body = Gen.Frequency(
        (4, Gen.OneOf(Bodies)),
        (1, Gen.String),
        (1, Gen.Select(Gen.OneOf([.. Bodies.Where(static body => !body.Contains(EastText, StringComparison.Ordinal))]), Gen.Int[0, 400], Gen.String[0, 4]).Select(static (body, at, more) => body.Insert(Math.Min(at, body.Length), more))));

    private enum Expected
    {
        /// <summary>The request's own doing: the SDK's exception, at once.</summary>
        Surfaces,

        /// <summary>The request's doing or the endpoint's: the other endpoint is asked, and answers. The endpoint is not blamed yet.</summary>
        MayBeEndpoints,

        MovesOn,

        /// <summary>A success of which the SDK decides whether it can be read.</summary>
        Either,
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_status_comes_to_what_the_table_says(bool streaming)
    {
        for (int status = 100; status < 600; status++)
        {
            await AssertAsync(status, Bodies[status % Bodies.Length], [], streaming, isV1: status % 2 == 0);
        }
    }

    [Theory]
    [InlineData(400, false)]
    [InlineData(400, true)]
    [InlineData(429, false)]
    [InlineData(429, true)]
    [InlineData(500, false)]
    [InlineData(200, false)]
    [InlineData(200, true)]
    public async Task Whatever_its_body_the_status_counts(int status, bool streaming)
    {
        foreach (string body in Bodies)
        {
            await AssertAsync(status, body, [], streaming, isV1: false);
            await AssertAsync(status, body, [], streaming, isV1: true);
        }
    }

    [Fact]
    public async Task Any_answer_is_read_right_or_not_at_all() =>
        await Gen.Select(Gen.Frequency((1, Gen.Const(200)), (2, Gen.Int[100, 599]), (1, Gen.OneOf(400, 401, 404, 408, 429, 500, 503))), Body, Header.Array[0, 4], Gen.Bool, Gen.Bool)
            .SampleAsync(static (status, body, headers, streaming, isV1) => AssertAsync(status, body, headers, streaming, isV1), iter: 150, threads: 2);

    private static async Task AssertAsync(int status, string body, (string Name, string Value)[] headers, bool streaming, bool isV1)
    {
        string answer = RawServer.Json(body, status, string.Concat(headers.DistinctBy(static header => header.Name).Select(static header => $"{header.Name}: {header.Value}\r\n")));
        await using RawPair pair = new(exchange => exchange.WriteAsync(answer), isV1);

        Task<Answer> call = pair.Client.AskAsync(streaming, "hello", null, TestContext.Current.CancellationToken);
        Exception? failure = await Record.ExceptionAsync(() => call);

        int west = pair.West.Heads.Count;
        Assert.Single(pair.East.Heads);
        bool isSpilled = headers.Any(static header => header.Name == "x-ms-spillover-error");
        bool isPage = headers.FirstOrDefault(static header => header.Name == "Content-Type").Value?.Contains("html", StringComparison.OrdinalIgnoreCase) == true;
        Expected expected = ExpectedOf(status, isSpilled, isPage);
        if (expected == Expected.Surfaces)
        {
            Assert.True(failure is ClientResultException surfaced && surfaced.Status == status, $"{status} '{body}': {failure} {pair.Pool.GetStatus()[0].LastError?.Exception}");
            Assert.Equal(0, west);
        }
        else
        {
            Assert.Null(failure);
            bool isEast = expected == Expected.Either && west == 0;
            Answer answered = await call;
            Assert.Equal((isEast ? "east" : "west", isEast ? 0 : 1), (answered.Endpoint, west));
            if (isEast)
            {
                // The SDK takes an answer without a finish reason for one that is finished, if the rest of it is whole.
                Assert.True(answered.Text is EastText or "x" && body.Contains(answered.Text, StringComparison.Ordinal), $"'{answered.Text}' of {body}");
            }
            else
            {
                Assert.Equal(RawPair.WestText, answered.Text);
            }

            if (status >= 300 && expected == Expected.MovesOn)
            {
                Assert.Equal(status, pair.Pool.GetStatus()[0].LastError!.Status);
            }
        }

        EndpointStatus east = pair.Pool.GetStatus()[0];
        Assert.Equal(0, east.InFlight);
        Assert.InRange(east.ReadyIn ?? TimeSpan.Zero, TimeSpan.Zero, TimeSpan.FromMinutes(5));
        Assert.All([failure?.ToString() ?? "", $"{east} {east.LastError?.Exception}"], static text => Assert.DoesNotContain(RawPair.EastKey, text, StringComparison.OrdinalIgnoreCase));
    }

    private static Expected ExpectedOf(int status, bool isSpilled, bool isPage) => status switch
    {
        >= 200 and < 300 => Expected.Either,
        401 or 402 or 403 or 404 or 405 or 407 or 408 or 409 or 410 or 424 or 425 or 429 or 499 => Expected.MovesOn,
        >= 400 and < 500 => isSpilled ? Expected.MovesOn : isPage || status is 421 or 423 or 451 ? Expected.MayBeEndpoints : Expected.Surfaces,
        _ => Expected.MovesOn,
    };
}
