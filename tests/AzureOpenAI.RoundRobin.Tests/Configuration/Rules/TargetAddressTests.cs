using System.Text.Json;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Rules;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Rules;

/// <summary>The addresses that people have: of a resource, of the portals' pages, of gateways. Each is understood, or refused at the start with what to write instead.</summary>
[Trait("Rule", "R18")]
public sealed class TargetAddressTests
{
    private const string Secret = "hidden";

    /// <summary>The address, and what it comes to: where requests go, the deployment and the api-version, each null where it is not in the address.</summary>
    public static TheoryData<string, string, string?, string?> Classic => new()
    {
        { "https://r.openai.azure.com", "https://r.openai.azure.com/", null, null },
        { "https://r.openai.azure.com/", "https://r.openai.azure.com/", null, null },
        { "  https://r.openai.azure.com//  ", "https://r.openai.azure.com/", null, null },
        { "HTTPS://R.OpenAI.Azure.COM:443", "https://r.openai.azure.com/", null, null },
        { "https://r.openai.azure.com:8443/", "https://r.openai.azure.com:8443/", null, null },
        { "https://r.openai.azure.com?", "https://r.openai.azure.com/", null, null },
        { "https://r.openai.azure.com/?api-version=2024-10-21", "https://r.openai.azure.com/", null, "2024-10-21" },
        { "https://r.openai.azure.com?API-Version=2025-04-01-preview&", "https://r.openai.azure.com/", null, "2025-04-01-preview" },
        { "https://r.openai.azure.com?api-version=", "https://r.openai.azure.com/", null, null },
        { "https://r.services.ai.azure.com/", "https://r.services.ai.azure.com/", null, null },
        { "https://r.cognitiveservices.azure.com/", "https://r.cognitiveservices.azure.com/", null, null },
        { "https://swedencentral.api.cognitive.microsoft.com/", "https://swedencentral.api.cognitive.microsoft.com/", null, null },
        { "https://r.openai.azure.us/", "https://r.openai.azure.us/", null, null },
        { "https://r.cognitiveservices.azure.cn/", "https://r.cognitiveservices.azure.cn/", null, null },
        { "https://r.openai.azure.com/openai/deployments/gpt-4o-mine/chat/completions?api-version=2024-10-21", "https://r.openai.azure.com/", "gpt-4o-mine", "2024-10-21" },
        { "https://r.cognitiveservices.azure.com/openai/deployments/gpt-4.1/chat/completions?api-version=2025-01-01-preview", "https://r.cognitiveservices.azure.com/", "gpt-4.1", "2025-01-01-preview" },
        { "https://swedencentral.api.cognitive.microsoft.com/openai/deployments/mine/chat/completions?api-version=2024-10-21", "https://swedencentral.api.cognitive.microsoft.com/", "mine", "2024-10-21" },
        { "https://r.openai.azure.us/openai/deployments/mine/chat/completions/", "https://r.openai.azure.us/", "mine", null },
        { "https://r.openai.azure.cn/openai/deployments/mine", "https://r.openai.azure.cn/", "mine", null },
        { "https://r.openai.azure.com/OPENAI/Deployments/Mine/Chat/Completions", "https://r.openai.azure.com/", "Mine", null },
        { "https://r.openai.azure.com//openai//deployments/mine/%20", "https://r.openai.azure.com/", "mine", null },
        { "https://r.openai.azure.com/openai/deployments/openai/chat/completions", "https://r.openai.azure.com/", "openai", null },
        { "https://r.openai.azure.com/openai/deployments/my%20own/chat/completions", "https://r.openai.azure.com/", "my own", null },
        { "https://team.azure-api.net", "https://team.azure-api.net/", null, null },
        { "https://team.azure-api.net/genai/v1", "https://team.azure-api.net/genai/v1/", null, null },
        { "https://team.azure-api.net/models/", "https://team.azure-api.net/models/", null, null },
        { "https://team.azure-api.net/GenAI/openai/deployments/mine/chat/completions?api-version=2024-10-21", "https://team.azure-api.net/GenAI/", "mine", "2024-10-21" },
        { "https://apim.example:8443/A/b", "https://apim.example:8443/A/b/", null, null },
        { "https://apim.example/genai/openai/gpt4o", "https://apim.example/genai/openai/gpt4o/", null, null },
        { "https://apim.example/openai/openai/deployments/mine", "https://apim.example/openai/", "mine", null },
        { "https://apim.example/a//b/openai/deployments/mine/chat/completions", "https://apim.example/a//b/", "mine", null },
        { "https://apim.example/openai/v10", "https://apim.example/openai/v10/", null, null },
        { "https://apim.example/myopenai/v1", "https://apim.example/myopenai/v1/", null, null },
        { "https://apim.example/openai/deployments-of-ours", "https://apim.example/openai/deployments-of-ours/", null, null },
        { "https://apim.example/api/projects/x", "https://apim.example/api/projects/x/", null, null },
        { "http://localhost:5001/models/chat/completions", "http://localhost:5001/models/chat/completions/", null, null },
        { "http://[::1]:5001/openai/deployments/mine", "http://[::1]:5001/", "mine", null },
        { "https://r.openai.azure.com.example/v1", "https://r.openai.azure.com.example/v1/", null, null },
    };

    /// <summary>With the API responses: the address of a resource or gateway, and the v1 address that it is completed to.</summary>
    public static TheoryData<string, string> Responses => new()
    {
        { "https://r.openai.azure.com", "https://r.openai.azure.com/openai/v1/" },
        { "https://r.services.ai.azure.com/", "https://r.services.ai.azure.com/openai/v1/" },
        { "https://r.openai.azure.com/openai/v1", "https://r.openai.azure.com/openai/v1/" },
        { "https://r.openai.azure.com/openai/v1/responses", "https://r.openai.azure.com/openai/v1/" },
        { "https://r.services.ai.azure.com/api/projects/Mine/openai/v1/responses", "https://r.services.ai.azure.com/api/projects/Mine/openai/v1/" },
        { "https://team.azure-api.net/genai/", "https://team.azure-api.net/genai/openai/v1/" },
        { "http://localhost:5001", "http://localhost:5001/openai/v1/" },
    };

    /// <summary>With the API responses: what cannot be completed.</summary>
    public static TheoryData<string, string> NotResponses => new()
    {
        { "https://r.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21", "is one of the classic route, /openai/deployments, which has no Responses API; write https://r.openai.azure.com/openai/v1." },
        { "https://team.azure-api.net/genai/openai/deployments/gpt-4o", "is one of the classic route, /openai/deployments, which has no Responses API; end it in /openai/v1." },
        { "https://r.openai.azure.com/openai", "ends in /openai; write https://r.openai.azure.com/openai/v1." },
        { "https://r.openai.azure.com/openai/responses", "goes on to /openai/responses, a preview that the pool does not call; write https://r.openai.azure.com/openai/v1." },
        { "https://r.openai.azure.com/?api-version=2025-04-01-preview", "has an api-version, which has no meaning on the v1 route; write https://r.openai.azure.com/openai/v1." },
    };

    public static TheoryData<string, string> V1 => new()
    {
        { "https://r.openai.azure.com/openai/v1", "https://r.openai.azure.com/openai/v1/" },
        { " https://R.openai.azure.com/OpenAI/V1// ", "https://r.openai.azure.com/openai/v1/" },
        { "https://r.openai.azure.com//openai/v1%20/", "https://r.openai.azure.com/openai/v1/" },
        { "https://r.openai.azure.com/openai/v1/chat/completions", "https://r.openai.azure.com/openai/v1/" },
        { "https://r.openai.azure.com/openai/v1/responses", "https://r.openai.azure.com/openai/v1/" },
        { "https://r.openai.azure.com/openai/v1/models?", "https://r.openai.azure.com/openai/v1/" },
        { "https://r.services.ai.azure.com/openai/v1/", "https://r.services.ai.azure.com/openai/v1/" },
        { "https://r.services.ai.azure.com/api/projects/Mine/openai/v1/responses", "https://r.services.ai.azure.com/api/projects/Mine/openai/v1/" },
        { "https://r.cognitiveservices.azure.com/openai/v1/embeddings", "https://r.cognitiveservices.azure.com/openai/v1/" },
        { "https://r.openai.azure.us/openai/v1", "https://r.openai.azure.us/openai/v1/" },
        { "https://team.azure-api.net/genai/openai/v1/chat/completions", "https://team.azure-api.net/genai/openai/v1/" },
        { "https://apim.example/gate/openai/v1/", "https://apim.example/gate/openai/v1/" },
        { "http://localhost:5001/OpenAI/V1//responses", "http://localhost:5001/OpenAI/V1/" },
    };

    /// <summary>The address, and what is said of it after the name of the setting.</summary>
    public static TheoryData<string, string> Refused => new()
    {
        { "https://r.services.ai.azure.com/models", "is the address of the model inference API, /models, which the pool does not call; write https://r.services.ai.azure.com for the classic route, or https://r.services.ai.azure.com/openai/v1 for the v1 route." },
        { "https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview", "is the address of the model inference API, /models, which the pool does not call; write https://r.services.ai.azure.com for the classic route, or https://r.services.ai.azure.com/openai/v1 for the v1 route." },
        { "https://r.services.ai.azure.com/api/projects/x", "is the address of a project, /api/projects, and not of its resource; write https://r.services.ai.azure.com for the classic route, or https://r.services.ai.azure.com/openai/v1 for the v1 route." },
        { "https://r.services.ai.azure.com/api/projects/x/openai/deployments/d/chat/completions", "is the address of a project, /api/projects, and not of its resource; write https://r.services.ai.azure.com for the classic route, or https://r.services.ai.azure.com/openai/v1 for the v1 route." },
        { "https://r.services.ai.azure.com/anthropic/v1/messages", "is the address of Claude models, which have an API of their own; pass a ready-made ChatClient for them." },
        { "https://r.openai.azure.com/openai/responses?api-version=2025-04-01-preview", "goes on to /openai/responses, a preview that the pool does not call; write https://r.openai.azure.com for the classic route, or https://r.openai.azure.com/openai/v1 for the v1 route. The Responses API is at /openai/v1, with the API responses." },
        { "https://r.openai.azure.com/v1", "has /v1 without /openai in front of it; write https://r.openai.azure.com/openai/v1." },
        { "https://r.openai.azure.com/V1/chat/completions", "has /v1 without /openai in front of it; write https://r.openai.azure.com/openai/v1." },
        { "https://r.openai.azure.com/chat/completions", "names an operation without a route; write https://r.openai.azure.com for the classic route, or https://r.openai.azure.com/openai/v1 for the v1 route." },
        { "https://r.openai.azure.us:8443/embeddings", "names an operation without a route; write https://r.openai.azure.us:8443 for the classic route, or https://r.openai.azure.us:8443/openai/v1 for the v1 route." },
        { "https://r.openai.azure.com/openai", "ends in /openai; write https://r.openai.azure.com for the classic route, or https://r.openai.azure.com/openai/v1 for the v1 route." },
        { "https://r.openai.azure.com/openai/deployments/", "ends in /openai/deployments without a deployment; write https://r.openai.azure.com." },
        { "https://r.openai.azure.com/openai/deployments/d/extensions/chat/completions", "goes on past the deployment; write https://r.openai.azure.com. The deployment has a setting of its own." },
        { "https://r.openai.azure.com/openai/deployments/{deployment-id}/chat/completions?api-version=2024-10-21", "still has a placeholder for the deployment; put its name there, or write https://r.openai.azure.com." },
        { "https://r.openai.azure.com/openai/deployments/a%2Fb/chat/completions", "has a deployment that contains one of / \\ ? # % or two dots; use the deployment's name as it is in Azure." },
        { "https://r.openai.azure.com/openai/v1/threads", "goes on past /openai/v1; write https://r.openai.azure.com/openai/v1." },
        { "https://r.openai.azure.com/openai/v1/responses?api-version=preview", "has an api-version, which has no meaning on the v1 route; write https://r.openai.azure.com/openai/v1." },
        { "https://r.cognitiveservices.azure.cn/team/openai/v1", "has a path that a resource does not have; write https://r.cognitiveservices.azure.cn for the classic route, or https://r.cognitiveservices.azure.cn/openai/v1 for the v1 route." },
        { "https://swedencentral.api.cognitive.microsoft.com/sts/v1.0/issuetoken", "has a path that a resource does not have; write https://swedencentral.api.cognitive.microsoft.com for the classic route, or https://swedencentral.api.cognitive.microsoft.com/openai/v1 for the v1 route." },
        { "https://openai.azure.com/", "has no resource in front of its host; write it like https://my-resource.openai.azure.com." },
        { "https://ai.azure.com/resource/deployments/hidden", "is the address of a portal, a page for people; write that of the resource, like https://my-resource.openai.azure.com." },
        { "https://api.openai.com/v1", "is the address of OpenAI's own service, which is not Azure's; pass a ready-made ChatClient for it." },
        { "https://team.azure-api.net/genai/openai/responses", "goes on to /openai/responses, a preview that the pool does not call; end it before /openai, or in /openai/v1 with the API responses." },
        { "https://team.azure-api.net/genai/deployments/hidden/chat/completions?api-version=2024-10-21", "goes on to the operation /chat/completions; end it before /openai/deployments or in /openai/v1, which the gateway must have." },
        { "https://apim.example/hidden/openai/", "ends in /openai; leave that off for the classic route, or end in /openai/v1 for the v1 route." },
        { "https://apim.example/hidden/OpenAI/Deployments/", "ends in /openai/deployments without a deployment; end it before /openai/deployments." },
        { "https://apim.example/openai/v1/openai/deployments/hidden", "has more than one of /openai/deployments and /openai/v1; end it before the first." },
        { "https://apim.example/openai/v1/hidden", "goes on past /openai/v1; end it there." },
        { "https://apim.example/openai/v1?api-version=2024-10-21", "has an api-version, which has no meaning on the v1 route; end it in /openai/v1." },
        { "https://r.openai.azure.com/?code=hidden", "has a query; remove everything from the question mark on (only an api-version may stand there, and a key has a setting of its own)." },
        { "https://team.azure-api.net/genai?api-version=2024-10-21&subscription-key=hidden", "has a query; remove everything from the question mark on (only an api-version may stand there, and a key has a setting of its own)." },
        { "https://r.openai.azure.com?api-version=2024-10-21&api-version=hidden", "has a query with more than one api-version; keep one." },
        { "https://r.openai.azure.com?api-version={hidden}", "has a query whose api-version is still a placeholder; put the value itself there." },
        { "http://r.openai.azure.com/", "is http to another machine, where a key would travel in clear text; use https." },
        { "r.openai.azure.com", "is not an absolute address; write it like https://my-resource.openai.azure.com." },
        { "https://a1b2c3d4e5f6a7b8c9.openai.azure.com/v1", "has /v1 without /openai in front of it; write https://my-resource.openai.azure.com/openai/v1." },
    };

    [Theory]
    [MemberData(nameof(Responses))]
    public void WithTheApiResponses_IsCompletedToV1(string address, string expected)
    {
        TargetAddress target = TargetAddress.Read(new Uri(address), EndpointApi.Responses);

        Assert.Empty(target.Faults);
        Assert.Equal((expected, EndpointKind.V1), (target.Address.AbsoluteUri, target.Kind));
    }

    [Theory]
    [MemberData(nameof(NotResponses))]
    public void WithTheApiResponses_WhatCannotBeCompleted_IsAFault(string address, string expected) =>
        Assert.Equal([expected], TargetAddress.Read(new Uri(address), EndpointApi.Responses).Faults);

    [Theory]
    [MemberData(nameof(Classic))]
    public void Read_ClassicInEachForm_IsUnderstood(string address, string expected, string? deployment, string? version) =>
        Assert.All(Ways(address), read =>
        {
            EndpointSettings endpoint = Assert.Single(read().Settings.Endpoints);
            Assert.Equal((expected, EndpointKind.Classic, deployment ?? "base", version), (endpoint.Address!.AbsoluteUri, endpoint.Kind, endpoint.Deployment, endpoint.ApiVersion));
        });

    [Theory]
    [MemberData(nameof(V1))]
    public void Read_V1InEachForm_IsUnderstood(string address, string expected) =>
        Assert.All(Ways(address), read =>
        {
            EndpointSettings endpoint = Assert.Single(read().Settings.Endpoints);
            Assert.Equal((expected, EndpointKind.V1, "base", null), (endpoint.Address!.AbsoluteUri, endpoint.Kind, endpoint.Deployment, endpoint.ApiVersion));
        });

    [Theory]
    [MemberData(nameof(Refused))]
    public void Read_WhatCannotWork_IsRefusedWithWhatToWrite(string address, string expected)
    {
        string[] faults = [.. Ways(address).Select(read => Given.Fault(read))];

        Assert.Equal([$"Endpoint 1: AZURE_OPENAI_ENDPOINT {expected}", $"Endpoint 1: AZURE_OPENAI_ENDPOINT {expected}", $"Endpoint 1: Endpoint {expected}"], faults);
        Assert.All(faults, static fault => Assert.DoesNotContain(Secret, fault, StringComparison.Ordinal));
    }

    [Fact]
    public void Read_SeveralFaults_SaysEach()
    {
        TargetAddress target = TargetAddress.Read(new("http://u:p@east.openai.azure.com/models?code=1#x"));

        Assert.Equal(5, target.Faults.Count);
    }

    [Theory]
    [InlineData("/openai/deployments/d", "/x")]
    [InlineData("/openai/v1", "/x")]
    [InlineData("", "/openai/deployments")]
    [InlineData("/openai/deployments/d/", "/")]
    public void Read_AHugeAddress_TakesNoTime(string path, string more)
    {
        TargetAddress target = TargetAddress.Read(new($"https://apim.example{path}{string.Concat(Enumerable.Repeat(more, 20_000))}"));

        Assert.InRange(target.Faults.Count, 0, 1);
    }

    [Fact]
    public void AnEntryThatSaysTheSame_AsItsAddress_IsFine()
    {
        const string Address = "https://r.openai.azure.com/openai/deployments/Mine/chat/completions?api-version=2025-04-01-Preview";
        string json = $"[{Given.Entry("\"azure_deployment\":\"mine\",\"api_version\":\"2025-04-01-preview\"", Address)}]";

        EndpointSettings endpoint = Assert.Single(Given.Read(Form.Json, json).Settings.Endpoints);

        Assert.Equal(("mine", "2025-04-01-preview"), (endpoint.Deployment, endpoint.ApiVersion));
    }

    [Theory]
    [InlineData(Form.Json)]
    [InlineData(Form.Section)]
    public void AnEntryThatContradictsItsAddress_IsRefused(Form form)
    {
        const string Address = "https://r.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2024-10-21";

        Assert.Equal(
            [
                "Endpoint 1: AZURE_OPENAI_ENDPOINT names another deployment than model; keep one of the two.",
                "Endpoint 1: AZURE_OPENAI_ENDPOINT has another api-version than api_version; keep one of the two.",
                "Endpoint 2: AZURE_OPENAI_ENDPOINT names another deployment than azure_deployment; keep one of the two.",
            ],
            Given.Faults(() => Given.Read(form, $"[{Given.Entry("\"model\":\"other\",\"api_version\":\"2025-04-01-preview\"", Address)},{Given.Entry("\"azure_deployment\":\"another\"", Address)}]")));
        Assert.Equal(
            [
                "Endpoint 1: Endpoint names another deployment than DeploymentName; keep one of the two.",
                "Endpoint 1: Endpoint has another api-version than ApiVersion; keep one of the two.",
            ],
            Given.Faults(() => ConfigurationResolver.ForPool(Given.Options(Given.Endpoint(Address, static e => (e.DeploymentName, e.ApiVersion) = ("other", "2025-04-01-preview"))))));
    }

    [Fact]
    public void TheDeploymentOfAnAddress_IsTheEndpointsOwn()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint("https://r.openai.azure.com/openai/deployments/mine", static e => (e.Temperature, e.Deployments["o5"]) = (1.5f, "reasoner")));
        (options.DeploymentName, options.ApiVersion) = ("base", "2025-01-01-preview");

        EndpointSettings own = ConfigurationResolver.ForPool(options).Settings.Endpoints[0];
        EndpointSettings keyed = ConfigurationResolver.ForPool(options, Registration.Keyed("advanced")).Settings.Endpoints[0];

        Assert.Equal(("mine", 1.5f, "2025-01-01-preview", "reasoner"), (own.Deployment, own.Temperature, own.ApiVersion, own.Deployments["o5"]));
        Assert.Equal(("base", null), (keyed.Deployment, keyed.Temperature));
    }

    [Fact]
    public void TwoFormsOfOneAddress_AreOneEndpoint()
    {
        Resolution resolution = ConfigurationResolver.ForPool(Given.Options(
            Given.Endpoint("https://r.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2024-10-21"),
            Given.Endpoint("https://R.openai.azure.com", static e => e.DeploymentName = "mine"),
            Given.Endpoint("https://r.openai.azure.com/openai/v1/responses", static e => e.DeploymentName = "mine"),
            Given.Endpoint("https://r.openai.azure.com/OpenAI/V1", static e => e.DeploymentName = "mine")));

        Assert.Equal(["https://r.openai.azure.com/", "https://r.openai.azure.com/openai/v1/"], resolution.Settings.Endpoints.Select(static e => e.Address!.AbsoluteUri));
    }

    [Fact]
    public void AKeyInThePath_IsNeitherShownNorTaken()
    {
        string fault = Given.Fault(Form.Json, $"[{Given.Entry(address: $"https://r.openai.azure.com/openai/deployments/{Given.Key}")}]");

        Assert.Equal("Endpoint 1: AZURE_OPENAI_ENDPOINT contains a key, and logs show it; choose another.", fault);
    }

    [Fact]
    public void AnAddressOfAnotherOperation_DoesNotServeTheRegistration()
    {
        RoundRobinOptions embeddings = new() { Endpoints = { Given.Endpoint("https://r.openai.azure.com/openai/deployments/vectors/embeddings") } };
        RoundRobinOptions chat = new() { Endpoints = { Given.Endpoint("https://r.openai.azure.com/openai/deployments/mine/chat/completions") } };

        Assert.Equal(
            "Endpoint 1: Endpoint is the address of /embeddings, so its deployment does not chat; give the address that ends in /chat/completions, or that of the resource.",
            Given.Fault(() => ConfigurationResolver.ForPool(embeddings, Registration.Chat)));
        Assert.Equal(
            "Embeddings: Endpoint 1: Endpoint is the address of /chat/completions, so its deployment makes no embeddings; name the one that does in RoundRobinOptions.DeploymentName.",
            Given.Fault(() => ConfigurationResolver.ForPool(chat, Registration.Embeddings)));
        Assert.Equal("vectors", ConfigurationResolver.ForPool(embeddings, Registration.Embeddings).Settings.Endpoints[0].Deployment);
        Assert.Equal("mine", ConfigurationResolver.ForPool(chat, Registration.Chat).Settings.Endpoints[0].Deployment);
        Assert.Equal("vectors", ConfigurationResolver.ForPool(embeddings).Settings.Endpoints[0].Deployment);
        chat.DeploymentName = "vectors";
        Assert.Equal("vectors", ConfigurationResolver.ForPool(chat, Registration.Embeddings).Settings.Endpoints[0].Deployment);
    }

    [Fact]
    public void TheSingleEndpoint_IsReadTheSameWay()
    {
        Func<string, string?> environment = Given.Environment(
            ("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2025-01-01-preview"), ("AZURE_OPENAI_API_KEY", Given.Key));

        Resolution resolution = ConfigurationResolver.ForSwitch(new RoundRobinOptions(), Registration.Chat, environment);

        EndpointSettings endpoint = Assert.Single(resolution.Settings.Endpoints);
        Assert.False(resolution.IsEnabled);
        Assert.Equal(("https://r.openai.azure.com/", "mine", "2025-01-01-preview"), (endpoint.Address!.AbsoluteUri, endpoint.Deployment, endpoint.ApiVersion));
    }

    /// <summary>Whatever is in front, between and behind: it never throws, and shows nothing; what was understood of an address is understood of what it came to.</summary>
    [Fact]
    public void Read_AnyPathAndQuery_IsUnderstoodOrRefused()
    {
        Gen<string> host = Gen.OneOf("r.openai.azure.com", "r.services.ai.azure.com", "team.azure-api.net", "apim.example", "openai.azure.com", "ai.azure.com");
        Gen<string> segment = Gen.Frequency(
            (8, Gen.OneOf("openai", "OpenAI", "v1", "deployments", "chat", "completions", "chat/completions", "embeddings", "responses", "models", "api", "projects", "")),
            (3, Gen.OneOf("%20", "%2F", "%25", "..", ".", Secret, "{x}", "é", "%E2%80%AE", "%00")),
            (1, Gen.String[0, 4].Select(Uri.EscapeDataString)));
        Gen<string> query = Gen.OneOf("", "?", "?api-version=2024-10-21", "?api-version=", "?api-version", "?=&&", $"?api-version={Secret}", $"?code={Secret}", "?%");
        Gen.Select(host, segment.Array[0, 7], query).Sample(
            static (host, segments, query) =>
            {
                TargetAddress target = TargetAddress.Read(new Uri($"https://{host}/{string.Join('/', segments)}{query}"));

                Assert.All(target.Faults, static fault => Assert.DoesNotContain(fault, char.IsControl));
                Assert.All(target.Faults, static fault => Assert.DoesNotContain(Secret, fault, StringComparison.Ordinal));
                Assert.Equal(("", '/'), (target.Address.Query, target.Address.AbsoluteUri[^1]));
                if (target.Faults.Count == 0 && !target.Address.AbsolutePath.EndsWith("/openai/", StringComparison.OrdinalIgnoreCase))
                {
                    TargetAddress again = TargetAddress.Read(target.Address);
                    Assert.Equal((target.Address, target.Kind, null, 0), (again.Address, again.Kind, again.Deployment, again.Faults.Count));
                }
            },
            iter: 20_000);
    }

    /// <summary>As JSON, as a section and in code.</summary>
    private static Func<Resolution>[] Ways(string address)
    {
        static RoundRobinOptions Base() => new() { DeploymentName = "base" };
        string json = $$"""[{"AZURE_OPENAI_ENDPOINT":{{JsonSerializer.Serialize(address)}},"AZURE_OPENAI_API_KEY":"{{Given.Key}}"}]""";
        return
        [
            () => Given.Read(Form.Json, json, Base()),
            () => Given.Read(Form.Section, json, Base()),
            () =>
            {
                RoundRobinOptions options = Base();
                options.Endpoints.Add(Given.Endpoint(address));
                return ConfigurationResolver.ForPool(options);
            },
        ];
    }
}
