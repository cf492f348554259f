using System.Diagnostics.Metrics;
using System.Reflection;
using AzureOpenAI.RoundRobin;
using Microsoft.AspNetCore.StaticFiles;

namespace Dashboard.LiveView;

/// <summary>Maps a page that shows what a pool does, and the events behind it. Read-only: it sends no key, no address and no text of a call.</summary>
internal static class LiveViewEndpoints
{
    private const string Resources = "LiveView/";

    private static readonly Assembly Here = typeof(LiveViewEndpoints).Assembly;

    private static readonly FileExtensionContentTypeProvider ContentTypes = new();

    /// <param name="endpoints">The app.</param>
    /// <param name="pattern">The path of the page. Its script and events are below it.</param>
    /// <param name="serviceKey">The key of the registration whose pool is shown, or null for the one without.</param>
    /// <returns>All of it, so that <c>RequireAuthorization()</c> covers all of it.</returns>
    public static RouteGroupBuilder MapRoundRobinLiveView(this IEndpointRouteBuilder endpoints, string pattern = "/live", string? serviceKey = null)
    {
        RouteGroupBuilder group = endpoints.MapGroup(pattern);
        group.MapGet("/", static (HttpRequest request) =>
            // The page's links are relative to the folder.
            request.Path.Value!.EndsWith('/') ? Asset("index.html") : Results.Redirect($"{request.PathBase}{request.Path}/"));
        group.MapGet("/events", (HttpContext context, IHostApplicationLifetime lifetime) => Events(context.RequestServices, serviceKey, lifetime, context.RequestAborted));
        group.MapGet("/{**asset}", static (string asset) => Asset(asset));
        return group;
    }

    private static IResult Events(IServiceProvider services, string? serviceKey, IHostApplicationLifetime lifetime, CancellationToken cancellationToken)
    {
        EndpointPool? pool = serviceKey is null ? services.GetService<EndpointPool>() : services.GetKeyedService<EndpointPool>(serviceKey);
        return pool is null
            ? Results.NotFound("There is no pool: the switch is off.")
            : TypedResults.ServerSentEvents(LiveFeed.ReadAsync(
                pool, services.GetService<TimeProvider>() ?? TimeProvider.System, services.GetService<IMeterFactory>(), lifetime.ApplicationStopping, cancellationToken));
    }

    private static IResult Asset(string name) => Here.GetManifestResourceStream(Resources + name) is { } content
        ? Results.Stream(content, ContentTypes.TryGetContentType(name, out string? type) ? type : "text/plain")
        : Results.NotFound();
}
