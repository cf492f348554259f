namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Gets the status of an attempt's answers. Called on any thread.</summary>
internal interface IStatusListener
{
    void Answered(int status);
}
