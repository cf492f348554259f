using System.Net.Sockets;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Redis.Connection;

/// <summary>Says in words for a log why Redis carries nothing. Of exceptions only a server's own words are quoted, since others may quote a connection string.</summary>
internal static class RedisFailure
{
    private const int LongestQuote = 200;

    public static string Describe(Exception exception) => exception switch
    {
        RedisServerException refused => OfServer(refused.Message),
        RedisTimeoutException or TimeoutException => "it does not answer in time",
        RedisConnectionException { FailureType: ConnectionFailureType.AuthenticationFailure } => "it refuses the user or password",
        RedisConnectionException or SocketException => "there is no connection: it is down or no Redis, or it refuses the user or password",
        InvalidDataException => "the reply of a script cannot be read",
        ObjectDisposedException => "the connection multiplexer is disposed",
        _ => $"the connection cannot be used ({exception.GetType().Name})",
    };

    private static string OfServer(string words)
    {
        string quote = new([.. words.Where(static character => !char.IsControl(character)).Take(LongestQuote)]);
        return words switch
        {
            _ when Has(words, "NOPERM") => $"the user lacks a right ({quote})",
            _ when Has(words, "NOAUTH") || Has(words, "WRONGPASS") => "it refuses the user or password",
            _ when Has(words, "lua") || Has(words, "unknown command") => $"the server runs no scripts, for which Garnet needs --lua true ({quote})",
            _ => $"the server refuses the request ({quote})",
        };
    }

    private static bool Has(string words, string part) => words.Contains(part, StringComparison.OrdinalIgnoreCase);
}
