using System.ClientModel;
using Azure.AI.OpenAI;
using Microsoft.Extensions.AI;

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
}
