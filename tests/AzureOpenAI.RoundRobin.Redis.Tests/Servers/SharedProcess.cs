namespace AzureOpenAI.RoundRobin.Redis.Tests.Servers;

/// <summary>One server for all tests of a class. Started by the first test, which is skipped where the program is missing.</summary>
public abstract class SharedProcess(string program) : IAsyncDisposable
{
    private bool _isStarted;

    public RedisProcess Process { get; } = new(program);

    public async Task StartAsync()
    {
        RedisProcess.SkipWhereMissing(program);
        if (!_isStarted)
        {
            await Process.StartAsync();
            _isStarted = true;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
