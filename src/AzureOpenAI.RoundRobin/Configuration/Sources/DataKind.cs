namespace AzureOpenAI.RoundRobin.Configuration.Sources;

internal enum DataKind
{
    Null,
    Boolean,
    Number,
    Text,
    Array,
    Object,
}
