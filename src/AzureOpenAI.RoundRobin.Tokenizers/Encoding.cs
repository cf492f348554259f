using Microsoft.ML.Tokenizers;

namespace AzureOpenAI.RoundRobin.Tokenizers;

/// <summary>How text becomes tokens. Loading one takes a moment and some megabytes, so each is loaded when it is first needed, and kept.</summary>
internal sealed class Encoding
{
    public static readonly Encoding O200k = new("o200k_base", functionOverhead: 7);

    public static readonly Encoding Cl100k = new("cl100k_base", functionOverhead: 10);

    private readonly Lazy<TiktokenTokenizer> _tokenizer;

    private Encoding(string name, int functionOverhead)
    {
        Name = name;
        FunctionOverhead = functionOverhead;
        _tokenizer = new(() => TiktokenTokenizer.CreateForEncoding(name));
    }

    public string Name { get; }

    /// <summary>What the models that use this encoding are charged for a function beside its texts.</summary>
    public int FunctionOverhead { get; }

    public static Encoding? Find(string name) => name == O200k.Name ? O200k : name == Cl100k.Name ? Cl100k : null;

    public int Count(string text) => _tokenizer.Value.CountTokens(text);
}
