namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Gets the addresses of an attempt's requests, and the status of their answers. Called on any thread.</summary>
internal interface IStatusListener
{
    void Answered(int status);

    /// <summary>The request leaves now, for this address.</summary>
    void Sent(Uri? address);
}
