namespace AzureOpenAI.RoundRobin.Configuration;

internal enum DataKind
{
    Null,
    Boolean,
    Number,
    Text,
    Array,
    Object,
}
