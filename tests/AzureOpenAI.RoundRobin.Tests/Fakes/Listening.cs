namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>For tests that listen to spans, which come from one source for the whole process: they run alone, since pools of other tests would be heard and would pay for it.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class Listening;
