using AzureOpenAI.RoundRobin;
using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.Configuration;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Resolves a registration in its container: from its options, the app's configuration and the environment.</summary>
internal static class RegistrationResolution
{
    public static Resolution Of(IServiceProvider services, RoundRobinOptions options, Registration registration)
    {
        Resolution resolution = ConfigurationResolver.ForServices(
            options, registration, services.GetService<IConfiguration>(), options.Section,
            services.GetService<IHttpClientFactory>() is { } factory ? factory.CreateClient : null);
        if (FollowedRedirects.WarningFor(services, options.HttpClientName) is { } warning)
        {
            resolution.Warnings = [.. resolution.Warnings, warning];
        }

        return resolution;
    }
}
