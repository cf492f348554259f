using Dashboard;
using Dashboard.LiveView;
using Dashboard.Simulation;
using Microsoft.Extensions.Options;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);

// Where nothing names real endpoints, simulated ones are used, which the page can break and repair.
await using SimulatedFleet? fleet = SimulatedFleet.IsNeeded(builder.Configuration) ? await SimulatedFleet.StartAsync() : null;

// With --instances 3 two more are started, at the next ports: throttle a resource here, and they know without a call.
using OtherInstances? others = fleet is null ? null : OtherInstances.Prepare(builder.Configuration);
if (OtherInstances.AreThere(builder.Configuration))
{
    builder.Services.AddAzureOpenAIRoundRobinRedis();
}

builder.Services.AddAzureOpenAIRoundRobin(options =>
{
    fleet?.AddTo(options);
    options.MaxWait = TimeSpan.FromSeconds(10);
});

// Real calls cost money, so none is made before a user starts one.
builder.Services.AddSingleton(fleet is null ? new LoadSettings(callsPerSecond: 0, most: 5) : new LoadSettings(callsPerSecond: 12, most: 60));
builder.Services.AddHostedService<LoadGenerator>();

await using WebApplication app = builder.Build();
try
{
    app.Services.GetRequiredService<IStartupValidator>().Validate();
}
catch (OptionsValidationException faults)
{
    Console.Error.WriteLine(faults.Message);
    return 2;
}

app.Use(OwnFilesOnly);
app.UseDefaultFiles();
app.UseStaticFiles();
app.MapRoundRobinLiveView("/live");
app.MapChat("/api/chat");
app.MapLoad("/api/load");
app.MapSimulation("/api/resources", fleet);

await app.StartAsync();
others?.Start(fleet!, new Uri(app.Urls.First()));
await app.WaitForShutdownAsync();
return 0;

static Task OwnFilesOnly(HttpContext context, RequestDelegate next)
{
    context.Response.Headers.ContentSecurityPolicy = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'";
    return next(context);
}
