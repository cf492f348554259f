namespace AzureOpenAI.Simulator;

/// <summary>
/// A tool call in an answer. Immutable.
/// </summary>
public sealed class ReplyToolCall
{
    /// <summary>Initializes a new instance of the <see cref="ReplyToolCall"/> class.</summary>
    /// <param name="name">The name of the tool.</param>
    /// <param name="argumentsJson">The arguments as JSON text. Not checked, so that a model's broken JSON can be played.</param>
    /// <param name="id">The id of the call; by default one is made.</param>
    /// <exception cref="ArgumentException"><paramref name="name"/> is <see langword="null"/> or empty.</exception>
    /// <exception cref="ArgumentNullException"><paramref name="argumentsJson"/> is <see langword="null"/>.</exception>
    public ReplyToolCall(string name, string argumentsJson = "{}", string? id = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(argumentsJson);

        Name = name;
        ArgumentsJson = argumentsJson;
        Id = id;
    }

    /// <summary>Gets the name of the tool.</summary>
    public string Name { get; }

    /// <summary>Gets the arguments as JSON text.</summary>
    public string ArgumentsJson { get; }

    /// <summary>Gets the id of the call, or <see langword="null"/> if the simulator is to make one.</summary>
    public string? Id { get; }
}
