using System.Net.Http.Headers;

namespace AzureOpenAI.Simulator.Tests;

public sealed class CredentialTests
{
    private const string Classic = "openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21";
    private const string V1 = "openai/v1/chat/completions";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string, int, string> Cases => new()
    {
        { Classic, "api-key key-east", 200, "east" },
        { V1, "api-key key-east", 200, "east" },
        { V1, "Bearer key-east", 200, "east" },
        { Classic, "Bearer key-east", 401, "east" },
        { Classic, "api-key key-west", 401, "west" },
        { V1, "Bearer key-west", 401, "west" },
        { Classic, "api-key nonsense", 401, "unknown" },
        { Classic, "Bearer good-token", 200, "token" },
        { V1, "Bearer good-token", 200, "token" },
        { V1, "Bearer bad-token", 401, "unknown" },
        { Classic, "", 401, "none" },
        { V1, "Basic abc", 401, "none" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Chat_Credential_IsJudgedAndNamedInLedger(string path, string credential, int status, string owner)
    {
        await using var azure = await AzureOpenAISimulator.StartAsync(
            options => options
                .AddResource("east", resource =>
                {
                    resource.ApiKey = "key-east";
                    resource.AcceptToken = token => token == "good-token";
                })
                .AddResource("west", resource => resource.ApiKey = "key-west"),
            Cancellation);
        using var client = new WireClient(azure["east"]);

        var answer = await client.PostAsync(path, WireClient.ChatBody("hello", model: "gpt-4o"), headers => Authorize(headers, credential));

        var entry = Assert.Single(azure.Ledger.Snapshot());
        Assert.Equal(status, answer.Status);
        Assert.Equal((status, owner), (entry.Status, entry.PresentedKey));
        Assert.Equal(status == 200 ? LedgerOutcome.Answered : LedgerOutcome.Refused, entry.Outcome);
    }

    [Fact]
    public async Task Chat_WrongKey_HasTheServicesTwoShapes()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        var wrongKey = await client.PostAsync(Classic, WireClient.ChatBody("hello"), WireClient.Key("nonsense"));
        var noKey = await client.PostAsync(Classic, WireClient.ChatBody("hello"), WireClient.Nothing);

        Assert.Equal("401", wrongKey.ErrorCode);
        Assert.Equal(401, noKey.Json.GetProperty("statusCode").GetInt32());
    }

    [Fact]
    public async Task ReplaceKey_OldAndNewKey_OnlyNewIsAccepted()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.ApiKey = "old");
        using var client = new WireClient(azure["east"]);

        azure["east"].ReplaceKey("new");
        var old = await client.PostAsync(Classic, WireClient.ChatBody("hello"), WireClient.Key("old"));
        var current = await client.ChatAsync();

        Assert.Equal((401, 200), (old.Status, current.Status));
        Assert.Equal(["unknown", "east"], azure.Ledger.Snapshot().Select(entry => entry.PresentedKey));
    }

    [Theory]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("line\nbreak")]
    public async Task ReplaceKey_BadKey_ThrowsWithoutIt(string key)
    {
        await using var azure = await Simulators.StartOneAsync();

        var exception = Assert.ThrowsAny<ArgumentException>(() => azure["east"].ReplaceKey(key));

        Assert.True(key.Length == 0 || !exception.Message.Contains(key, StringComparison.Ordinal));
    }

    [Fact]
    public async Task GeneratedKey_SameSeed_IsTheSameAndDiffersByResource()
    {
        await using var one = await AzureOpenAISimulator.StartAsync(options => options.AddResource("east").AddResource("west"), Cancellation);
        await using var two = await AzureOpenAISimulator.StartAsync(options => options.AddResource("east"), Cancellation);

        Assert.Equal(one["east"].ApiKey, two["east"].ApiKey);
        Assert.NotEqual(one["east"].ApiKey, one["west"].ApiKey);
    }

    [Fact]
    public async Task ToString_AnyPublicObject_HoldsNoKey()
    {
        await using var azure = await Simulators.StartOneAsync(resource =>
        {
            resource.ApiKey = "very-secret";
            Assert.DoesNotContain("very-secret", resource.ToString(), StringComparison.Ordinal);
        });
        using var client = new WireClient(azure["east"]);
        await client.ChatAsync();

        Assert.DoesNotContain("very-secret", azure["east"].ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("very-secret", azure.Ledger.Snapshot()[0].ToString(), StringComparison.Ordinal);
    }

    private static void Authorize(HttpRequestHeaders headers, string credential)
    {
        if (credential.Split(' ') is [var scheme, var secret])
        {
            (scheme == "api-key" ? WireClient.Key(secret) : target => target.Authorization = new(scheme, secret))(headers);
        }
    }
}
