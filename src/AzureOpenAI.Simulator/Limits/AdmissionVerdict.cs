namespace AzureOpenAI.Simulator;

internal enum AdmissionVerdict
{
    Admitted,
    TooManyRequests,
    TooManyTokens,
    LargerThanLimit,
    OverUtilized,
}
