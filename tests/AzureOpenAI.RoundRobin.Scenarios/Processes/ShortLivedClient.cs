using System.Diagnostics;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>A client after the other, each for as long as it lives. The calls of one that is replaced end with it.</summary>
internal sealed class ShortLivedClient(Func<IChatClient> create, CallerSpec spec) : IChatClient
{
    private const int MostCalls = 20;

    private readonly Lock _lock = new();
    private readonly List<IChatClient> _all = [];
#pragma warning disable CA5394 // The same numbers in every run are what is wanted.
    private readonly Random _random = new(spec.Number + 1);
    private long _begun;
    private double _rollOut;
    private int _callsLeft;
    private bool _isAhead;
    private IChatClient? _next;

    /// <summary>From here on each client is made a moment before its first call, as a host makes it when it starts.</summary>
    public void Start()
    {
        _isAhead = true;
        _all.Add(create());
    }

    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        Current().GetResponseAsync(messages, options, cancellationToken);

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        Current().GetStreamingResponseAsync(messages, options, cancellationToken);

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
        _all.ForEach(client => client.Dispose());
        _next?.Dispose();
    }

    private IChatClient Current()
    {
        lock (_lock)
        {
            bool isFirst = _begun == 0;
            if (isFirst)
            {
                _begun = Stopwatch.GetTimestamp();
                _rollOut = spec.Load.Seconds * (1 + (_random.NextDouble() / 4)) / 2;
            }

            if (_all.Count == 0 || (!isFirst && IsOver()))
            {
                _all.Add(_next ?? create());
                (_next, isFirst) = (null, true);
            }

            _callsLeft = isFirst ? _random.Next(1, MostCalls + 1) : _callsLeft;

            _callsLeft--;
            _next ??= _isAhead && IsNearlyOver() ? create() : null;
            return _all[^1];
        }
    }
#pragma warning restore CA5394

    private bool IsNearlyOver() => spec.Life switch
    {
        ClientLife.FewCalls => _callsLeft == 0,
        ClientLife.RolledOut => _all.Count == 1 && Stopwatch.GetElapsedTime(_begun).TotalSeconds >= _rollOut - 0.5,
        _ => false,
    };

    private bool IsOver() => spec.Life switch
    {
        ClientLife.FewCalls => _callsLeft == 0,
        ClientLife.RolledOut => _all.Count == 1 && Stopwatch.GetElapsedTime(_begun).TotalSeconds >= _rollOut,
        _ => false,
    };
}
