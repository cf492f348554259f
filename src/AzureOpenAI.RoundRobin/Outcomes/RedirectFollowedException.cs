namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>The given <see cref="HttpClient"/> followed a redirect to another address.</summary>
internal sealed class RedirectFollowedException() : InvalidOperationException(
    "The answer came from another address than the endpoint's: the given HttpClient follows redirects, and takes the key along. "
    + "Set AllowAutoRedirect to false on its handler, and renew the key.");
