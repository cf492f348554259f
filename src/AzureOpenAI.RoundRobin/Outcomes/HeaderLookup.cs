namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>Finds the values of an answer's header, each as it came; null where there is none.</summary>
internal delegate IEnumerable<string>? HeaderLookup(string name);
