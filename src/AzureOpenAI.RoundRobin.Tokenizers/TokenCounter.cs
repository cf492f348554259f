using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tokenizers;

/// <summary>
/// Counts the tokens that messages and tools take up in a model's context window, before they are sent.
/// </summary>
/// <remarks>
/// <para>
/// Text is counted exactly, with the model's own encoding. The tokens that the service adds are not documented, and are counted as it was measured to charge:
/// 3 tokens for each message beside its role and text, 3 for the beginning of the answer. That is exact for plain conversations with the GPT-3.5, GPT-4 and
/// GPT-4o models, and near for later ones. Tools, calls of tools and their results are estimated: exact for simple functions, a few tokens off for schemas
/// with nested objects or much more than names, types, descriptions and enumerations.
/// </para>
/// <para>
/// Not counted are images, audio, files and reasoning, tools that are no functions, response formats, and instructions in options: add those as a system message.
/// <see cref="ChatResponse.Usage"/> has what the service charged.
/// </para>
/// <para>Immutable, and safe for concurrent use. An encoding is loaded once in a process, when the first counter needs it.</para>
/// </remarks>
public sealed class TokenCounter
{
    private readonly Encoding _encoding;

    private TokenCounter(string? model, Encoding encoding, int contextWindow)
    {
        Model = model;
        _encoding = encoding;
        ContextWindow = contextWindow;
    }

    /// <summary>Gets the model, or <see langword="null"/> for a counter that was made for an encoding.</summary>
    public string? Model { get; }

    /// <summary>Gets the name of the encoding, such as <c>o200k_base</c>.</summary>
    public string EncodingName => _encoding.Name;

    /// <summary>Gets how many tokens a request and its answer may have together.</summary>
    public int ContextWindow { get; }

    /// <summary>Creates a counter for a model.</summary>
    /// <param name="model">The model's name, with or without its version, in any case, such as <c>gpt-4o</c> or <c>gpt-4o-2024-11-20</c>. A deployment's name only if it is the model's too.</param>
    /// <param name="contextWindow">Its context window, or <see langword="null"/> for the model's own. Some deployments, such as provisioned ones, have less.</param>
    /// <returns>The counter.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="model"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException"><paramref name="model"/> is not known.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="contextWindow"/> is less than 1.</exception>
    public static TokenCounter ForModel(string model, int? contextWindow = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (Models.Find(model) is not { } found)
        {
            throw new ArgumentException(
                $"'{model}' is not a model whose encoding and context window are known here. Name the model rather than its deployment; or, for one that is newer, "
                + $"use {nameof(ForEncoding)} with \"{Encoding.O200k.Name}\" and its context window.",
                nameof(model));
        }

        return new TokenCounter(model, found.Encoding, Checked(contextWindow ?? found.ContextWindow));
    }

    /// <summary>Creates a counter for a model that <see cref="ForModel"/> does not know.</summary>
    /// <param name="encodingName"><c>o200k_base</c>, which all models since GPT-4o use, or <c>cl100k_base</c>, of those before and of embeddings.</param>
    /// <param name="contextWindow">How many tokens a request and its answer may have together.</param>
    /// <returns>The counter.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="encodingName"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException"><paramref name="encodingName"/> is neither of them.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="contextWindow"/> is less than 1.</exception>
    public static TokenCounter ForEncoding(string encodingName, int contextWindow)
    {
        ArgumentNullException.ThrowIfNull(encodingName);
        Encoding encoding = Encoding.Find(encodingName)
            ?? throw new ArgumentException($"'{encodingName}' is not an encoding that is known here; use \"{Encoding.O200k.Name}\" or \"{Encoding.Cl100k.Name}\".", nameof(encodingName));
        return new TokenCounter(null, encoding, Checked(contextWindow));
    }

    /// <summary>Counts the tokens of a text, such as one that is to be embedded. Exact.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The number of tokens.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="text"/> is <see langword="null"/>.</exception>
    public int CountTokens(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return _encoding.Count(text);
    }

    /// <summary>Counts the tokens of a request: its messages, the tokens that the service adds, and its tools.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="tools">The tools that the model may call, or <see langword="null"/> for none.</param>
    /// <returns>The number of tokens. See <see cref="TokenCounter"/> for how exact it is.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="messages"/> is <see langword="null"/>.</exception>
    public int CountTokens(IEnumerable<ChatMessage> messages, IEnumerable<AITool>? tools = null)
    {
        ArgumentNullException.ThrowIfNull(messages);
        int tokens = MessageFormat.Count(messages, _encoding);
        return tools is null ? tokens : tokens + ToolFormat.Count(tools, _encoding);
    }

    /// <summary>Counts the tokens of the context window that a request leaves for its answer, reasoning included.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="tools">The tools that the model may call, or <see langword="null"/> for none.</param>
    /// <returns>The number of tokens; negative for a request that is larger than the window. A model may have a lower limit on its answers.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="messages"/> is <see langword="null"/>.</exception>
    public int RemainingTokens(IEnumerable<ChatMessage> messages, IEnumerable<AITool>? tools = null) => ContextWindow - CountTokens(messages, tools);

    /// <summary>Returns the model or the encoding.</summary>
    /// <returns>A short description for debugging.</returns>
    public override string ToString() => Model ?? EncodingName;

    private static int Checked(int contextWindow)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(contextWindow, 1);
        return contextWindow;
    }
}
