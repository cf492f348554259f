using System.ClientModel;
using Azure.AI.OpenAI;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

public sealed class ReadmeTests
{
    [Fact]
    public async Task TenLines_Run_DoWhatTheySay()
    {
        await using var azure = await AzureOpenAISimulator.StartAsync(
            options => options
                .AddResource("east", east => east.AddDeployment("gpt-4o", deployment => deployment.RequestsPerMinute = 600))
                .AddResource("west"),
            TestContext.Current.CancellationToken);

        azure["east"].Faults.Add(Fault.Status(503).Times(2));

        IChatClient client = new AzureOpenAIClient(azure["west"].Endpoint, new ApiKeyCredential(azure["west"].ApiKey)).GetChatClient("gpt-4o").AsIChatClient();
        var answer = await client.GetResponseAsync("Hello", cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal("[west] Hello", answer.Text);
        Assert.Equal(1, azure.Ledger.Count("west").Answered);
    }
    [Fact]
    public async Task Provisioned_Runs_DoesWhatItSays()
    {
        var time = new FakeTimeProvider();
        await using var azure = await AzureOpenAISimulator.StartAsync(
            options =>
            {
                options.TimeProvider = time;
                options.AddResource("east", east => east
                    .AddDeployment("ptu", deployment =>
                    {
                        deployment.ProvisionedTokensPerMinute = 60_000;
                        deployment.SpilloverDeployment = "standard";
                        deployment.Respond(_ => new ChatReply { Text = "long", Usage = new TokenUsage(1_000, 60_000) });
                    })
                    .AddDeployment("standard", deployment => deployment.TokensPerMinute = 30_000));
            },
            TestContext.Current.CancellationToken);
        using var client = new WireClient(azure["east"]);

        await client.ChatAsync(deployment: "ptu");
        var spilled = await client.ChatAsync(deployment: "ptu");
        time.Advance(TimeSpan.FromSeconds(1));
        var own = await client.ChatAsync(deployment: "ptu");

        Assert.Equal("standard", spilled.Header("x-ms-deployment-name"));
        Assert.Null(own.Header("x-ms-deployment-name"));
    }
}
