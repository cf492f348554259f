namespace AzureOpenAI.Simulator;

/// <summary>What a deployment found on the arrival of a request: admitted or not, the tokens charged for it, those it costs without an answer, those its cache held.</summary>
internal readonly record struct Arrival(Admission Admission, int EstimatedTokens, int PromptWork, int CachedTokens);
