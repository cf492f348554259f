using Microsoft.Extensions.AI;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);

// The connection strings that the AppHost hands out, an endpoint each.
builder.Services.AddAzureOpenAIRoundRobin(static options =>
{
    options.ConnectionNames.Add("sweden");
    options.ConnectionNames.Add("france");
});

await using WebApplication app = builder.Build();

app.MapGet("/ask", static async (string question, IChatClient chat, CancellationToken cancellationToken) =>
    (await chat.GetResponseAsync(question, cancellationToken: cancellationToken)).Text);

await app.RunAsync();
