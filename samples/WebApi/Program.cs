using Azure.Identity;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

// The variables may be in user secrets, which are read in Development:
//   dotnet user-secrets --project samples/WebApi set AZURE_OPENAI_ROUND_ROBIN_CONNECTION '[{ "AZURE_OPENAI_ENDPOINT": "...", "model": "gpt-4o" }, ...]'
WebApplicationBuilder builder = WebApplication.CreateBuilder(args);

// An endpoint without a key is asked with Entra ID: the identity of this app needs the role Cognitive Services OpenAI User there.
DefaultAzureCredential entraId = new();
builder.Services
    .AddAzureOpenAIRoundRobin(options => options.Credential = entraId)
    .UseOpenTelemetry();

// The same endpoints with a stronger model, in a pool of its own.
builder.Services
    .AddKeyedAzureOpenAIRoundRobin("advanced", options =>
    {
        options.Credential = entraId;
        options.DeploymentName = builder.Configuration["ADVANCED_DEPLOYMENT"] ?? "gpt-4.1";
    })
    .UseOpenTelemetry();

builder.Services.AddHealthChecks()
    .AddAzureOpenAIRoundRobin()
    .AddAzureOpenAIRoundRobin(serviceKey: "advanced");

// Exported to OTEL_EXPORTER_OTLP_ENDPOINT, if that is set.
OpenTelemetryBuilder telemetry = builder.Services.AddOpenTelemetry()
    .WithTracing(tracing => tracing.AddAspNetCoreInstrumentation().AddSource("AzureOpenAI.RoundRobin", "Experimental.Microsoft.Extensions.AI"))
    .WithMetrics(metrics => metrics.AddAspNetCoreInstrumentation().AddMeter("AzureOpenAI.RoundRobin", "Experimental.Microsoft.Extensions.AI"));
if (!string.IsNullOrWhiteSpace(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
{
    telemetry.UseOtlpExporter();
}

await using WebApplication app = builder.Build();
try
{
    // The host does so too, but with a stack trace.
    app.Services.GetRequiredService<IStartupValidator>().Validate();
}
catch (Exception faults) when (faults is OptionsValidationException or AggregateException)
{
    Console.Error.WriteLine(string.Join(Environment.NewLine, (faults as AggregateException)?.InnerExceptions.Select(fault => fault.Message) ?? [faults.Message]));
    return 2;
}

app.MapHealthChecks("/health");

app.MapGet("/ask", async (string question, IChatClient chat, CancellationToken cancellationToken) =>
    (await chat.GetResponseAsync(question, cancellationToken: cancellationToken)).Text);

app.MapGet("/think", async (string question, [FromKeyedServices("advanced")] IChatClient chat, CancellationToken cancellationToken) =>
    (await chat.GetResponseAsync(question, cancellationToken: cancellationToken)).Text);

await app.RunAsync();
return 0;
