using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AzureOpenAI.RoundRobin.Redis.DependencyInjection;

/// <summary>
/// Lets a process know before its first call what the others have found: the host starts when that is read, or after a short wait. It makes the app's pools, since the connection is theirs: while
/// the switch is off there is none.
/// </summary>
internal sealed class StartUpRead(IServiceProvider services, RedisBackplane backplane, TimeSpan wait, TimeProvider time) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        EndpointPool?[] pools = [.. services.GetServices<EndpointPool?>(), .. services.GetKeyedServices<EndpointPool?>(KeyedService.AnyKey)];
        if (wait > TimeSpan.Zero && backplane.MayRead && Array.Exists(pools, static pool => pool is not null))
        {
            await backplane.FirstRead.WaitAsync(wait, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
