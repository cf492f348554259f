using System.ComponentModel;
using AzureOpenAI.Simulator;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

// A call, a stream and a tool call, compiled ahead of time:
//   dotnet publish samples/NativeAot
// The endpoints are simulated, in this process and over HTTP.
await using AzureOpenAISimulator azure = await AzureOpenAISimulator.StartAsync(simulator => simulator
    .AddResource("east")
    .AddResource("west")
    .Respond(static request => request.Messages[^1].Role == "user" && request.ToolNames.Contains("read_thermometer")
        ? ChatReply.FromToolCalls(new ReplyToolCall("read_thermometer", """{"city":"Oslo"}"""))
        : $"You say: {request.Messages[^1].Text}"));

// As appsettings.json would have it. The section is read without reflection, which is not there in such an app.
IConfigurationRoot configuration = new ConfigurationBuilder().AddInMemoryCollection(
[
    new("AzureOpenAI:DeploymentName", "gpt-4o"),
    new("AzureOpenAI:MaxWait", "00:00:10"),
    .. azure.Resources.Select(static resource => KeyValuePair.Create($"AzureOpenAI:Endpoints:{resource.Name}:Endpoint", (string?)$"{resource.Endpoint}")),
    .. azure.Resources.Select(static resource => KeyValuePair.Create($"AzureOpenAI:Endpoints:{resource.Name}:ApiKey", (string?)resource.ApiKey)),
]).Build();
ServiceCollection services = [];
services.AddAzureOpenAIRoundRobin(configuration.GetSection("AzureOpenAI")).UseFunctionInvocation();
// With AZURE_OPENAI_ROUND_ROBIN_REDIS set it shares with other processes; without it the process goes by its own calls.
services.AddAzureOpenAIRoundRobinRedis();
await using ServiceProvider provider = services.BuildServiceProvider();
IChatClient chat = provider.GetRequiredService<IChatClient>();

string answer = (await chat.GetResponseAsync("Hello")).Text;
string stream = string.Concat(await chat.GetStreamingResponseAsync("Hello again").Select(static update => update.Text).ToArrayAsync());
string weather = (await chat.GetResponseAsync("Is it cold?", new ChatOptions { Tools = [AIFunctionFactory.Create(ReadThermometer, "read_thermometer")] })).Text;

Console.WriteLine($"call:      {answer}");
Console.WriteLine($"stream:    {stream}");
Console.WriteLine($"tool call: {weather}");
Console.WriteLine($"requests:  {azure.Ledger.Count("east").Answered} to east, {azure.Ledger.Count("west").Answered} to west");
bool isRight = (answer, stream, weather) == ("You say: Hello", "You say: Hello again", "You say: \"It is 21 degrees in Oslo.\"")
    && azure.Ledger.Count("east").Answered == 2 && azure.Ledger.Count("west").Answered == 2;
return isRight ? 0 : 1;

[Description("Reads a thermometer.")]
static string ReadThermometer(string city) => $"It is 21 degrees in {city}.";
