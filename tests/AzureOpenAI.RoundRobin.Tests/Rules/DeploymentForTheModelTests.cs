using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Which deployment a call for a model goes to.</summary>
[Trait("Rule", "2")]
public class DeploymentForTheModelTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MappedModel_GoesToItsDeployments(bool streaming)
    {
        using ServicePool pool = new(["one/gpt", "two/gpt"], (i, entry) => entry.Deployments["gpt-4.1"] = i == 0 ? "large-one" : "large-two");

        await pool.AskAsync(streaming, new() { ModelId = "gpt-4.1" });
        await pool.AskAsync(streaming, new() { ModelId = "GPT-4.1" });
        await pool.AskAsync(streaming);

        Assert.Equal(["one/large-one", "two/large-two", "one/gpt"], pool.Service.Requests.Select(request => $"{request.Host}/{request.Deployment}"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ModelMappedBySome_LeavesTheOthersOut(bool streaming)
    {
        using ServicePool pool = new(["one/gpt", "two/gpt", "three/gpt-4.1"], (i, entry) =>
        {
            if (i == 0)
            {
                entry.Deployments["gpt-4.1"] = "large";
            }
        });
        for (int i = 0; i < 4; i++)
        {
            await pool.AskAsync(streaming, new() { ModelId = "gpt-4.1" });
        }

        Assert.Equal(["one/large", "three/gpt-4.1", "one/large", "three/gpt-4.1"], pool.Service.Requests.Select(request => $"{request.Host}/{request.Deployment}"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ModelMappedBySome_IsNeverAnsweredByAnotherModelOfAReadyMadeClient(bool streaming)
    {
        using FakePool pool = new(3, endpoint: (i, entry) =>
        {
            entry.DeploymentName = i == 1 ? "small" : null;
            if (i == 0)
            {
                entry.Deployments["large"] = "large-at-a";
            }
        });
        List<string> asked = [];
        foreach (FakeChatClient client in pool.Clients)
        {
            var (call, stream) = (client.OnCall, client.OnStream);
            client.OnCall = (messages, options, token) =>
            {
                asked.Add($"{client.Name}/{options?.ModelId}");
                return call(messages, options, token);
            };
            client.OnStream = (messages, options, token) =>
            {
                asked.Add($"{client.Name}/{options?.ModelId}");
                return stream(messages, options, token);
            };
        }

        for (int i = 0; i < 4; i++)
        {
            await pool.AskAsync(streaming, new() { ModelId = "large" });
        }

        Assert.Equal(["a/large-at-a", "c/large", "a/large-at-a", "c/large"], asked);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task UnmappedModel_ChangesNothingAtAClassicEndpoint(bool streaming)
    {
        using ServicePool pool = new(["one/gpt", "two/gpt"]);

        await pool.AskAsync(streaming, new() { ModelId = "other" });

        FakeService.Request request = Assert.Single(pool.Service.Requests);
        Assert.Equal("gpt", request.Deployment);
        Assert.Equal("other", request.Model);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task V1Endpoint_ModelIsAlwaysAConfiguredDeployment(bool streaming)
    {
        using ServicePool pool = new(["one/gpt"], (_, entry) =>
        {
            entry.Endpoint = new Uri("https://one.openai.azure.com/openai/v1");
            entry.Deployments["large"] = "large-one";
        });

        await pool.AskAsync(streaming);
        await pool.AskAsync(streaming, new() { ModelId = "other" });
        await pool.AskAsync(streaming, new() { ModelId = "large" });
        await pool.AskAsync(streaming, new() { ModelId = "gpt" });

        Assert.Equal(["gpt", "gpt", "large-one", "gpt"], pool.Service.Requests.Select(request => request.Model));
        Assert.All(pool.Service.Requests, request => Assert.Equal("/openai/v1/chat/completions", request.Address.AbsolutePath));
    }
}
