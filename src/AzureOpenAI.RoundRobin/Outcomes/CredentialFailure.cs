using System.Runtime.CompilerServices;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>
/// Notes which exceptions a credential threw. They can be of any type, of libraries that are not referenced here, and pass through the SDK's pipeline unchanged; so each
/// object is noted, for as long as it lives.
/// </summary>
internal static class CredentialFailure
{
    private static readonly ConditionalWeakTable<Exception, object> Noted = [];

    public static void Note(Exception exception) => Noted.AddOrUpdate(exception, Noted);

    public static bool IsBehind(Exception exception)
    {
        for (Exception? inner = exception; inner is not null; inner = inner.InnerException)
        {
            if (Noted.TryGetValue(inner, out _))
            {
                return true;
            }
        }

        return false;
    }
}
