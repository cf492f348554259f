namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>How long answers take.</summary>
internal enum AnswerTimes
{
    /// <summary>60 ms each.</summary>
    Short,

    /// <summary>Log-normal with a median of 4 s and a sigma of 1, at most 90 s.</summary>
    Long,
}
