using System.ComponentModel;
using System.Text.Json;
using Agent;
using AzureOpenAI.RoundRobin;
using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Options;

// An agent of Microsoft Agent Framework on the Responses API, over several resources. The resource where a session began keeps it, and no other one knows it.
// This process begins three sessions and saves them; a second process, which it starts with the file, goes on with them:
//   dotnet run --project samples/Agent
(string First, string Second)[] cities = [("Bern", "Oslo"), ("Rome", "Lima"), ("Pune", "Kyiv")];
try
{
    await using SimulatedFleet? fleet = await SimulatedFleet.StartIfNeededAsync();
    using IChatClient chat = AzureOpenAIRoundRobin.CreateFromEnvironment(options => options.Api = EndpointApi.Responses);
    ChatClientAgent agent = new(chat, instructions: "You read thermometers.", tools: [AIFunctionFactory.Create(ReadThermometer, "read_thermometer")]);
    return args is [string saved] ? await ResumeAsync(agent, saved) : await BeginAsync(agent, fleet);
}
catch (OptionsValidationException faults)
{
    Console.Error.WriteLine(string.Join(Environment.NewLine, faults.Failures));
    return 2;
}

async Task<int> BeginAsync(AIAgent agent, SimulatedFleet? fleet)
{
    Console.WriteLine($"Process {Environment.ProcessId} begins three sessions.");
    List<JsonElement> sessions = [];
    string? home = null;
    foreach ((string first, string second) in cities)
    {
        AgentSession session = await agent.CreateSessionAsync();
        AgentResponse answer = await agent.RunAsync($"How warm is it in {first}?", session);
        Report(answer);
        home ??= EndpointOf(answer);

        // The same by a stream.
        Report(await agent.RunStreamingAsync($"And in {second}?", session).ToAgentResponseAsync());
        sessions.Add(await agent.SerializeSessionAsync(session));
    }

    string file = Path.Combine(Path.GetTempPath(), $"agent-sessions-{Environment.ProcessId}.json");
    await File.WriteAllTextAsync(file, JsonSerializer.Serialize(sessions));
    try
    {
        fleet?.Throttle(home!);
        return await SecondProcess.RunAsync(file);
    }
    finally
    {
        File.Delete(file);
    }
}

async Task<int> ResumeAsync(AIAgent agent, string file)
{
    Console.WriteLine($"Process {Environment.ProcessId} goes on with them.");
    foreach (JsonElement saved in JsonSerializer.Deserialize<JsonElement[]>(await File.ReadAllTextAsync(file))!)
    {
        AgentSession session = await agent.DeserializeSessionAsync(saved);
        Report(await agent.RunAsync("Which cities were that?", session));
    }

    return 0;
}

static void Report(AgentResponse answer)
{
    string attempts = answer.AsChatResponse().GetRoundRobinAttempts() is > 1 and int more ? $", {more} attempts" : "";
    Console.WriteLine($"  {answer.Text,-30} [{EndpointOf(answer)}{attempts}]");
}

static string? EndpointOf(AgentResponse answer) => answer.AsChatResponse().GetRoundRobinEndpoint();

[Description("Reads the thermometer of a city, in degrees Celsius.")]
static int ReadThermometer(string city) => 10 + (city.Length > 0 ? city[0] % 10 : 0);
