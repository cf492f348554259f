namespace AzureOpenAI.Simulator;

/// <summary>
/// The form of a server-sent event stream on the wire: legal variations that clients must read alike. Immutable.
/// </summary>
public sealed class StreamFormat
{
    /// <summary>Gets the ordinary form: <c>\n</c> line ends, no comments, whole events.</summary>
    public static StreamFormat Default { get; } = new();

    /// <summary>Gets a value indicating whether lines end in <c>\r\n</c>.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool CarriageReturns { get; init; }

    /// <summary>Gets a value indicating whether a comment line (<c>: keep-alive</c>) comes before each event.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool KeepAliveComments { get; init; }

    /// <summary>Gets a value indicating whether content filter annotations come as events of their own, one of them after the finish reason.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool FilterAnnotations { get; init; }

    /// <summary>Gets a value indicating whether the <c>error</c> event of a Responses stream holds its code and message in an object <c>error</c>.</summary>
    /// <value>The default, <see langword="false"/>, has them in the event itself.</value>
    public bool NestedErrors { get; init; }

    /// <summary>Gets the size in bytes of the pieces in which the stream is sent, which may split an event, a line or a character.</summary>
    /// <value>The default, 0, sends whole events.</value>
    public int PieceSize { get; init; }
}
