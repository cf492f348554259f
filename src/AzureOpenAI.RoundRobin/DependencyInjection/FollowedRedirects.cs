using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Finds out whether a named client follows redirects, as far as its handlers show: then it sends a key on to wherever one leads.</summary>
/// <remarks>It is told and not changed: others may use the client, and rely on it.</remarks>
internal static class FollowedRedirects
{
    /// <returns>Null where there is nothing to warn of, or no telling.</returns>
    public static string? WarningFor(IServiceProvider services, string? name)
    {
        if (name is null || services.GetService<IHttpMessageHandlerFactory>() is not { } handlers || !AreFollowed(handlers.CreateHandler(name)))
        {
            return null;
        }

        string shown = TextRules.CanShow(name) ? $" '{name}'" : "";
        return $"The HttpClient{shown} follows redirects, and would send a key on to wherever one leads; set AllowAutoRedirect = false on its primary handler.";
    }

    private static bool AreFollowed(HttpMessageHandler? handler) => handler switch
    {
        DelegatingHandler outer => AreFollowed(outer.InnerHandler),
        SocketsHttpHandler sockets => sockets.AllowAutoRedirect,
        HttpClientHandler client => client.AllowAutoRedirect,
        _ => false,
    };
}
