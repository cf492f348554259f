using AzureOpenAI.RoundRobin.Redis.Connection;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Redis;

/// <summary>Finds every fault of the options at once. What a connection string holds is in no text.</summary>
/// <param name="source">Where the connection comes from; null where it is given.</param>
internal sealed class RedisOptionsValidator(ConnectionSource? source = null) : IValidateOptions<RoundRobinRedisOptions>
{
    private const int LongestName = 200;

    private static readonly TimeSpan LongestStartWait = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ShortestAsk = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LongestAsk = TimeSpan.FromSeconds(1);

    public ValidateOptionsResult Validate(string? name, RoundRobinRedisOptions options)
    {
        List<string> faults = [];
        if (string.IsNullOrWhiteSpace(options.FleetName) || options.FleetName.Length > LongestName || options.FleetName.Any(char.IsControl))
        {
            faults.Add("FleetName must be 1 to 200 characters, none of them a control character.");
        }

        if (options.StartWait < TimeSpan.Zero || options.StartWait > LongestStartWait)
        {
            faults.Add("StartWait must be from 0 to 30 s.");
        }

        if (options.AskTimeout < ShortestAsk || options.AskTimeout > LongestAsk)
        {
            faults.Add("AskTimeout must be from 5 ms to 1 s.");
        }

        if (source?.Fault(options) is { } fault)
        {
            faults.Add(fault);
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    /// <exception cref="OptionsValidationException">The options are at fault.</exception>
    public static void Check(RoundRobinRedisOptions options)
    {
        if (new RedisOptionsValidator().Validate(null, options) is { Failed: true } result)
        {
            throw new OptionsValidationException("", typeof(RoundRobinRedisOptions), result.Failures);
        }
    }
}
