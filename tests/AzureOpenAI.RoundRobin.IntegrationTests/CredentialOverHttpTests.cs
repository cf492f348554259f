using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Tokens instead of keys, over both routes.</summary>
public sealed class CredentialOverHttpTests
{
    public static TheoryData<bool, bool> Ways => new() { { false, false }, { true, false }, { false, true }, { true, true } };

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_token_goes_to_its_own_endpoint_and_is_fetched_once(bool streaming, bool v1)
    {
        RecordingHandler wire = new();
        using HttpClient http = new(wire);
        FakeCredential credential = new("token-of-east");
        await using Fleet fleet = await StartAsync(credential, v1, http);
        fleet["east"].Faults.Add(Fault.Status(500).Times(1));

        await fleet.AskAsync(streaming, times: 20);

        Assert.Equal(1, credential.Fetched);
        Assert.All(fleet.Ledger.Snapshot("east"), entry => Assert.Equal("token", entry.PresentedKey));
        Assert.All(fleet.Ledger.Snapshot("west"), entry => Assert.Equal("west", entry.PresentedKey));
        Assert.All(wire.Sent, request =>
        {
            bool isEast = request.Address.Port == fleet["east"].Endpoint.Port;
            Assert.Equal(isEast ? "Bearer token-of-east" : null, request.Headers.GetValueOrDefault("Authorization"));
            Assert.Equal(!isEast, request.Headers.ContainsKey("api-key"));
        });
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task One_credential_serves_every_endpoint_without_a_key(bool streaming, bool v1)
    {
        FakeCredential credential = new("token-for-all");
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup =>
        {
            setup.IsV1 = v1;
            setup.Resource = resource => resource.AcceptToken = static token => token == "token-for-all";
            setup.Endpoint = static (_, endpoint) => endpoint.ApiKey = null;
            setup.Pool = options => options.Credential = credential;
        });

        await fleet.AskAsync(streaming, times: 10);

        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal(("token", LedgerOutcome.Answered), (entry.PresentedKey, entry.Outcome)));
        Assert.Equal([5, 5], [fleet.Attempts("east"), fleet.Attempts("west")]);
        Assert.Equal(2, credential.Fetched);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_credential_that_throws_is_named_and_the_others_answer(bool streaming, bool v1)
    {
        FakeCredential credential = new("token-of-east") { Failure = new CredentialUnavailable("no identity on this machine") };
        await using Fleet fleet = await StartAsync(credential, v1);

        for (int i = 0; i < 6; i++)
        {
            Assert.Equal("west", (await fleet.AskAsync(streaming)).Endpoint);
        }

        EndpointStatus east = fleet.StatusOf("east");
        Assert.Equal((EndpointState.Unavailable, EndpointFailureReason.CredentialRefused, 1), (east.State, east.Reason, east.Failed));
        Assert.Same(credential.Failure, east.LastError!.Exception);
        Assert.Equal(0, fleet.Attempts("east"));
        Assert.Contains(fleet.Logs.GetSnapshot(), record => record.Message.StartsWith("Endpoint 'east' is misconfigured", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_token_that_is_refused_counts_as_a_wrong_key(bool streaming, bool v1)
    {
        await using Fleet fleet = await StartAsync(new FakeCredential("token-of-yesterday"), v1);

        for (int i = 0; i < 6; i++)
        {
            Assert.Equal("west", (await fleet.AskAsync(streaming)).Endpoint);
        }

        Assert.Equal(1, fleet.Attempts("east"));
        Assert.DoesNotContain(fleet.Logs.GetSnapshot(), record => $"{record} {record.Exception}".Contains("token-of-yesterday", StringComparison.Ordinal));
    }

    [Theory]
    [Trait("Rule", "R16")]
    [MemberData(nameof(Ways))]
    public async Task A_token_that_is_withdrawn_is_renewed_and_the_endpoint_answers(bool streaming, bool v1)
    {
        FakeCredential credential = new("token-of-east") { Renewed = "new-token-of-east" };
        string accepted = "token-of-east";
        await using Fleet fleet = await Fleet.StartAsync(["east"], setup =>
        {
            setup.IsV1 = v1;
            setup.Resource = resource => resource.AcceptToken = token => token == Volatile.Read(ref accepted);
            setup.Endpoint = (_, endpoint) => (endpoint.ApiKey, endpoint.Credential) = (null, credential);
        });
        await fleet.AskAsync(streaming);

        Volatile.Write(ref accepted, "new-token-of-east");
        Assert.Equal(("east", 1), ((await fleet.AskAsync(streaming)) is var answer ? (answer.Endpoint, answer.Attempts) : default));
        await fleet.AskAsync(streaming);

        Assert.Equal((4, 2), (fleet.Attempts("east"), credential.Fetched));
        Assert.Equal(0, fleet.StatusOf("east").Failed);
    }

    private static Task<Fleet> StartAsync(FakeCredential credential, bool v1, HttpClient? http = null) => Fleet.StartAsync(["east", "west"], setup =>
    {
        setup.IsV1 = v1;
        setup.Resource = resource => resource.AcceptToken = token => resource.Name == "east" && token == "token-of-east";
        setup.Endpoint = (resource, endpoint) =>
        {
            if (resource.Name == "east")
            {
                (endpoint.ApiKey, endpoint.Credential) = (null, credential);
            }
        };
        setup.Pool = options => options.HttpClient = http;
    });

    private sealed class CredentialUnavailable(string message) : Exception(message);
}
