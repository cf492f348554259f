using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Finds out whether a named client follows redirects, as far as its handlers show: it would send a key to the address that a redirect names.</summary>
/// <remarks>It only warns: other code may use the client, and rely on redirects.</remarks>
internal static class FollowedRedirects
{
    /// <returns>Null where it does not, or where that cannot be seen.</returns>
    public static string? WarningFor(IServiceProvider services, string? name)
    {
        if (name is null || services.GetService<IHttpMessageHandlerFactory>() is not { } handlers || !AreFollowed(handlers.CreateHandler(name)))
        {
            return null;
        }

        string shown = TextRules.CanShow(name) ? $" '{name}'" : "";
        return $"The HttpClient{shown} follows redirects, and would send a key to the address that a redirect names; set AllowAutoRedirect = false on its primary handler.";
    }

    private static bool AreFollowed(HttpMessageHandler? handler) => handler switch
    {
        DelegatingHandler outer => AreFollowed(outer.InnerHandler),
        SocketsHttpHandler sockets => sockets.AllowAutoRedirect,
        HttpClientHandler client => client.AllowAutoRedirect,
        _ => false,
    };
}
