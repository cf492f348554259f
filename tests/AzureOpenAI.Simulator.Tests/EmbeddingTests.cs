using System.Buffers.Binary;
using System.Text.Json;

namespace AzureOpenAI.Simulator.Tests;

public sealed class EmbeddingTests
{
    [Fact]
    public async Task Embed_FloatAndBase64_AreTheSameVector()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        var floats = Vector(await client.EmbedAsync("""{"input":"hello","dimensions":8}"""));
        var base64 = Vector(await client.EmbedAsync("""{"input":["hello"],"dimensions":8,"encoding_format":"base64"}"""));

        byte[] bytes = base64.GetBytesFromBase64();
        float[] decoded = [.. Enumerable.Range(0, 8).Select(i => BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(i * 4)))];
        Assert.Equal(32, bytes.Length);
        Assert.Equal(floats.EnumerateArray().Select(component => component.GetSingle()), decoded);
        Assert.Equal(1, decoded.Sum(component => component * component), 3);
    }

    [Fact]
    public async Task Embed_SeveralInputs_KeepsTheirOrder()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddDeployment("small", deployment => deployment.EmbeddingDimensions = 4));
        using var client = new WireClient(azure["east"]);

        var answer = await client.EmbedAsync("""{"input":["a","b","a"]}""", "small");

        var data = answer.Json.GetProperty("data");
        Assert.Equal("small", answer.Json.GetProperty("model").GetString());
        Assert.Equal([0, 1, 2], data.EnumerateArray().Select(item => item.GetProperty("index").GetInt32()));
        Assert.Equal(data[0].GetProperty("embedding").GetRawText(), data[2].GetProperty("embedding").GetRawText());
        Assert.NotEqual(data[0].GetProperty("embedding").GetRawText(), data[1].GetProperty("embedding").GetRawText());
        Assert.Equal("a", azure.Ledger.Snapshot()[0].LastUserText);
    }

    [Theory]
    [InlineData("""{"input":[1,2,3],"dimensions":2}""", 1)]
    [InlineData("""{"input":[[1,2],[3]],"dimensions":2}""", 2)]
    public async Task Embed_TokenArrays_AreAccepted(string body, int vectors)
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        var answer = await client.EmbedAsync(body);

        Assert.Equal(vectors, answer.Json.GetProperty("data").GetArrayLength());
    }

    [Theory]
    [InlineData("""{"input":[]}""", "input")]
    [InlineData("""{}""", "input")]
    [InlineData("""{"input":"a","dimensions":0}""", "dimensions")]
    public async Task Embed_BadBody_Is400(string body, string parameter)
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        var answer = await client.EmbedAsync(body);

        Assert.Equal(400, answer.Status);
        Assert.Equal(parameter, answer.Json.GetProperty("error").GetProperty("param").GetString());
    }

    [Fact]
    public async Task Embed_V1Route_TakesDeploymentFromBody()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        var answer = await client.PostAsync("openai/v1/embeddings", """{"input":"a","model":"gpt-4o","dimensions":2}""", WireClient.Bearer(azure["east"].ApiKey));

        Assert.Equal(200, answer.Status);
        Assert.Equal(ApiOperation.Embeddings, Assert.Single(azure.Ledger.Snapshot()).Operation);
    }

    private static JsonElement Vector(WireAnswer answer) => answer.Json.GetProperty("data")[0].GetProperty("embedding");
}
