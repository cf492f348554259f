namespace AzureOpenAI.Simulator;

internal enum AdmissionVerdict
{
    Admitted,
    TooManyRequests,
    TooManyTokens,
    TooManyInFlight,
    LargerThanLimit,
    OverUtilized,
}
