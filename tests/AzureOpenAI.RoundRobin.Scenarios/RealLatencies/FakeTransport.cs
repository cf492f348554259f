using System.ClientModel;
using System.Net;
using System.Text;
using System.Text.Json;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>
/// The simulated deployments as the SDK's own clients meet them: by host, with the headers that say what is left. All of it happens on the clock's one thread, since the SDK starts
/// no timer where its own retries and deadlines are off.
/// </summary>
internal sealed class FakeTransport(IReadOnlyList<ITransportModel> models) : HttpMessageHandler
{
    public static Uri AddressOf(ITransportModel model) => new($"https://{model.Name}.openai.azure.com");

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ITransportModel model = models.First(model => AddressOf(model).Host == request.RequestUri!.Host);
        using JsonDocument body = JsonDocument.Parse(await request.Content!.ReadAsByteArrayAsync(cancellationToken));
        string prompt = body.RootElement.GetProperty("messages")[0].GetProperty("content").ToString();
        int tokens = body.RootElement.TryGetProperty("max_completion_tokens", out JsonElement asked) || body.RootElement.TryGetProperty("max_tokens", out asked) ? asked.GetInt32() : 0;
        try
        {
            TransportAnswer answer = await model.AnswerAsync(prompt, tokens, cancellationToken);
            return Answer(HttpStatusCode.OK, answer.Headers, JsonSerializer.Serialize(new
            {
                id = "chatcmpl-1",
                @object = "chat.completion",
                created = 1_767_225_600,
                model = "gpt-4o",
                choices = new[] { new { index = 0, finish_reason = "stop", message = new { role = "assistant", content = prompt } } },
                usage = new { prompt_tokens = 0, completion_tokens = answer.Tokens, total_tokens = answer.Tokens },
            }));
        }
        catch (ClientResultException exception) when (exception.GetRawResponse() is { } response)
        {
            return Answer((HttpStatusCode)exception.Status, response.Headers.Select(header => (header.Key, header.Value)), response.Content.ToString());
        }
        catch (ClientResultException exception) when (exception.InnerException is HttpRequestException failure)
        {
            throw failure;
        }
    }

    private static HttpResponseMessage Answer(HttpStatusCode status, IEnumerable<(string Name, string Value)> headers, string body)
    {
        HttpResponseMessage response = new(status) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        foreach ((string name, string value) in headers)
        {
            response.Headers.TryAddWithoutValidation(name, value);
        }

        return response;
    }
}
