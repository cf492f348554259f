using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace AzureOpenAI.RoundRobin.Telemetry;

/// <summary>The configuration warnings that each factory's log has: registrations that read the same variables have the same warnings, and each is logged once.</summary>
/// <remarks>Not a field of <see cref="PoolLog"/>, whose static fields are one message each: the first pool of a process would build them all, and most processes write none.</remarks>
internal static class ToldWarnings
{
    private static readonly ConditionalWeakTable<ILoggerFactory, ConcurrentDictionary<string, bool>> ByFactory = [];

    public static ConcurrentDictionary<string, bool> Of(ILoggerFactory factory) => ByFactory.GetOrCreateValue(factory);
}
