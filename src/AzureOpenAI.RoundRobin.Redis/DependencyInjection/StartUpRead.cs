using Microsoft.Extensions.Hosting;

namespace AzureOpenAI.RoundRobin.Redis.DependencyInjection;

/// <summary>Lets a process know before its first call what the others have found: the host starts when that is read, or after a short wait.</summary>
internal sealed class StartUpRead(RedisBackplane backplane, TimeSpan wait, TimeProvider time) : IHostedService, IDisposable
{
    private IDisposable? _subscription;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // Pools are made with the first call; until then the backplane keeps for them what it hears.
        _subscription ??= backplane.Subscribe(static _ => { });
        if (wait > TimeSpan.Zero && backplane.MayRead)
        {
            await backplane.FirstRead.WaitAsync(wait, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _subscription?.Dispose();
}
