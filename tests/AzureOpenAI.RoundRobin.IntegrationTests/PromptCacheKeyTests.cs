using System.Text.Json;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using OpenAI.Chat;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>A prompt cache key that the caller sets: who reads it, and what of it reaches the service. The readme says both.</summary>
public sealed class PromptCacheKeyTests
{
    private const string Key = "tenant-7";

    public static TheoryData<bool, bool> Ways => new() { { false, false }, { true, false }, { false, true }, { true, true } };

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task In_additional_properties_it_keeps_calls_together_and_is_not_sent(bool streaming, bool v1)
    {
        List<string?> sent = [];
        await using Fleet fleet = await StartAsync(v1, sent);

        for (int i = 0; i < 6; i++)
        {
            await fleet.AskAsync(streaming, $"question {i}", new ChatOptions { AdditionalProperties = new() { ["prompt_cache_key"] = Key } });
        }

        Assert.Equal([0, 0, 6], fleet.Azure.Resources.Select(resource => fleet.Attempts(resource.Name)).Order());
        Assert.All(sent, Assert.Null);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task In_the_raw_options_it_does_both(bool streaming, bool v1)
    {
        List<string?> sent = [];
        await using Fleet fleet = await StartAsync(v1, sent);

        for (int i = 0; i < 6; i++)
        {
            await fleet.AskAsync(streaming, $"question {i}", new ChatOptions { RawRepresentationFactory = _ => Raw() });
        }

        Assert.Equal([0, 0, 6], fleet.Azure.Resources.Select(resource => fleet.Attempts(resource.Name)).Order());
        Assert.Equal(Enumerable.Repeat(Key, 6), sent);
    }

    private static ChatCompletionOptions Raw()
    {
        ChatCompletionOptions raw = new();
#pragma warning disable SCME0001 // The SDK has no property for it.
        raw.Patch.Set("$.prompt_cache_key"u8, Key);
#pragma warning restore SCME0001
        return raw;
    }

    private static Task<Fleet> StartAsync(bool v1, List<string?> sent) => Fleet.StartAsync(["east", "west", "north"], setup =>
    {
        setup.IsV1 = v1;
        setup.Pool = options => options.Affinity = EndpointAffinity.PromptCache;
        setup.Simulator = options => options.Respond(request =>
        {
            sent.Add(request.Body.TryGetProperty("prompt_cache_key", out JsonElement key) ? key.GetString() : null);
            return "answer";
        });
    });
}
