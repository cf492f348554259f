using System.Runtime.CompilerServices;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>
/// Which exceptions came from a credential. They belong to libraries that we do not reference and can be of any kind, and reach the loop through the SDK's
/// pipeline as they are; so each is noted, for as long as it lives.
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
