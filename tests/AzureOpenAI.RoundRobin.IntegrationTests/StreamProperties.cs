using System.Text;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using CsCheck;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Whatever becomes of the bytes of a stream: what reaches the caller is what was sent, in order and once, and whole only if it was.</summary>
public sealed class StreamProperties
{
    /// <summary>What a well-formed stream is made of.</summary>
    private static readonly Event[] Whole =
    [
        new("""data: {"id":"","object":"","created":0,"model":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}],"choices":[]}""" + "\n\n"),
        new(RawPair.Chunk("""{"role":"assistant","content":""}""")),
        .. new[] { "[east] ", "alpha ", "Grüße, 世界 🌍 ", "beta " }.Select(static text => new Event(RawPair.Chunk($$"""{"content":"{{text}}"}"""), text)),
        new(RawPair.Chunk("""{"content":null}""")),
        new(RawPair.Chunk("""{"content":"omega"}"""), "omega"),
        new(RawPair.Chunk("{}", "\"stop\""), Ends: Ending.Finish),
        new("""data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}""" + "\n\n"),
        new("data: [DONE]\n\n", Ends: Ending.Done),
    ];

    /// <summary>What may stand between two events and says nothing.</summary>
    private static readonly string[] Noise =
    [
        ": keep-alive\n\n", "\n", "\n\n\n", ":\n", "event: message\n\n", "id: 5\n\n", "retry: 10\n\n", "nonsense\n\n", "nonsense: more\n\n",
        """data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}""" + "\n\n",
    ];

    /// <summary>What the service says when it fails: what comes after it is no answer, whatever it says.</summary>
    private static readonly string[] Errors =
    [
        """data: {"error":{"code":"500","message":"The server had an error"}}""" + "\n\n",
        "event: error\n" + """data: {"error":{"code":"500","message":"The server had an error"}}""" + "\n\n",
        "event: error\ndata: The server had an error\n\n",
        """data: {"statusCode":500,"message":"The server had an error"}""" + "\n\n",
    ];

    /// <summary>What cannot be understood. The SDK breaks off at it or passes over it, but no text comes of it.</summary>
    private static readonly string[] Garbage =
    [
        "data: \n\n", "data: nonsense\n\n", "data: {\n\n", "data: [\n\n", "data: null\n\n", "data: []\n\n", "data: 5\n\n", "data: \"text\"\n\n", "data: {}\n\n", "data: {\"choices\":5}\n\n",
        "data: {\"choices\":[5]}\n\n", "data: {\"choices\":[{\"index\":\"x\"}]}\n\n", "data: {\"choices\":[{\"index\":0,\"delta\":[]}]}\n\n", "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":{}}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"\n\n", "\u0000\u0001\n\n", "data: \u0000\n\n", "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":5}}]}\n\n", $"data: {new string('[', 2000)}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"quota_of_the_future\"}]}\n\n", "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"nobody\"}}]}\n\n",
    ];

    private static readonly Gen<Event[]> Mutated =
        from gaps in Gen.Frequency(
            (30, Gen.Const<Event[]>([])),
            (2, Gen.OneOf(Noise).Select(static noise => new Event[] { new(noise) })),
            (1, Gen.OneOf(Errors).Select(static error => new Event[] { new(error, IsError: true) })),
            (1, Gen.OneOf(Garbage).Select(static garbage => new Event[] { new(garbage, IsGarbage: true) }))).Array[Whole.Length]
        from fates in Gen.Frequency((30, Gen.Const(1)), (1, Gen.Const(0)), (1, Gen.Const(2)), (1, Gen.Const(-1))).Array[Whole.Length]
        from drop in Gen.Int[0, 20]
        select Whole.SelectMany((one, i) => gaps[i].Concat(fates[i] switch
        {
            -1 => [new Event(one.Wire.TrimEnd('\n')[..^2] + "\n\n", IsGarbage: true)],
            var times => Enumerable.Repeat(one, times),
        })).SkipLast(drop < 3 ? drop : 0).ToArray();

    private static readonly Gen<Sent> Sending =
        from events in Mutated
        from cut in Gen.Frequency((2, Gen.Const(1.0)), (1, Gen.Double[0, 1]))
        from pieces in Gen.Int[1, 200].Array[1, 8]
        from style in Gen.Int[0, 7]
        select new Sent(events, cut, pieces, IsChunked: (style & 1) > 0, CarriageReturns: (style & 2) > 0, IsReset: style == 4);

    private enum Ending
    {
        None,
        Finish,
        Done,
    }

    [Fact]
    public async Task What_reaches_the_caller_is_what_was_sent() =>
        await Sending.SampleAsync(static sent => AssertAsync(sent), iter: 400, threads: 2, print: static sent => sent.ToString());

    [Fact]
    public async Task A_stream_that_is_cut_at_any_byte_is_whole_only_after_its_finish_reason()
    {
        int length = new Sent(Whole, 1, [1000], IsChunked: false, CarriageReturns: false, IsReset: false).Bytes.Length;
        for (int at = 0; at <= length; at += 3)
        {
            await AssertAsync(new Sent(Whole, (double)at / length, [1000], IsChunked: at % 2 == 0, CarriageReturns: false, IsReset: false));
        }
    }

    private static async Task AssertAsync(Sent sent)
    {
        await using RawPair pair = new(sent.ToAsync);
        List<ChatResponseUpdate> updates = [];
        Exception? failure = await Record.ExceptionAsync(async () =>
        {
            await foreach (ChatResponseUpdate update in pair.Client.GetStreamingResponseAsync("hello", cancellationToken: TestContext.Current.CancellationToken))
            {
                updates.Add(update);
            }
        });
        string text = string.Concat(updates.Select(static update => update.Text));

        Assert.Single(pair.East.Heads);
        Assert.All(pair.Pool.GetStatus(), static status => Assert.Equal(0, status.InFlight));
        if (pair.West.Heads.Count > 0)
        {
            // Nothing had reached the caller, so another one answered, and that once.
            Assert.Null(failure);
            Assert.Single(pair.West.Heads);
            Assert.Equal(RawPair.WestText, text);
            Assert.True(sent.MayFail, $"It was whole: {sent}");
            return;
        }

        Assert.True(sent.Text.StartsWith(text, StringComparison.Ordinal), $"'{text}' of {sent}");
        if (failure is null)
        {
            Assert.True(sent.IsFinished && !sent.IsFailed, $"It was not whole: {sent}");
            Assert.Equal(sent.Text, text);
            Assert.Single(updates, static update => update.AdditionalProperties?.ContainsKey("azure_openai.round_robin.endpoint") is true);
        }
        else
        {
            Assert.Equal("east", Assert.IsType<ChatStreamInterruptedException>(failure).EndpointName);
            Assert.True(sent.MayBreakOff, $"It was whole: {sent} {failure}");
        }
    }

    /// <summary>One event as it goes over the wire, and what it says.</summary>
    private sealed record Event(string Wire, string Text = "", Ending Ends = Ending.None, bool IsGarbage = false, bool IsError = false);

    /// <param name="Events">What is sent.</param>
    /// <param name="Share">How much of it, before the connection is closed.</param>
    /// <param name="Pieces">The sizes of what is written at once, over and over.</param>
    /// <param name="IsChunked">Chunked, or up to the end of the connection.</param>
    /// <param name="CarriageReturns">Lines end in both characters.</param>
    /// <param name="IsReset">It is cut by a reset, which can overtake what was sent before.</param>
    private sealed record Sent(Event[] Events, double Share, int[] Pieces, bool IsChunked, bool CarriageReturns, bool IsReset)
    {
        public byte[] Bytes => Encoding.UTF8.GetBytes(string.Concat(Events.Select(WireOf)));

        /// <summary>What a client can take from it: up to the end that the stream names itself.</summary>
        public string Text => string.Concat(Intact.Select(static one => one.Text));

        public bool IsFinished => Intact.Any(static one => one.Ends == Ending.Finish);

        /// <summary>The service has said so before its finish.</summary>
        public bool IsFailed => Intact.TakeWhile(static one => one.Ends != Ending.Finish).Any(static one => one.IsError);

        public bool MayFail => IsCut || !IsFinished || Intact.Any(static one => one.IsGarbage || one.IsError);

        /// <summary>Its finish may not have come, or something before it cannot be understood. After it nothing matters.</summary>
        public bool MayBreakOff => (IsCut && (IsReset || !IsFinishComplete)) || !IsFinished || Intact.TakeWhile(static one => one.Ends != Ending.Finish).Any(static one => one.IsGarbage || one.IsError);

        /// <summary>The finish has come with its blank line.</summary>
        private bool IsFinishComplete => Events.TakeWhile(static one => one.Ends != Ending.Finish).Append(Array.Find(Events, static one => one.Ends == Ending.Finish))
            .Sum(one => one is null ? 0 : Encoding.UTF8.GetByteCount(WireOf(one))) <= Length;

        private int Length => (int)(Bytes.Length * Share);

        private bool IsCut => Length < Bytes.Length;

        private IEnumerable<Event> Intact
        {
            get
            {
                int length = 0;
                foreach (Event one in Events)
                {
                    length += Encoding.UTF8.GetByteCount(WireOf(one));
                    // The blank line after the last event may be missing.
                    if (length > Length + (CarriageReturns ? 4 : 2) || one.Ends == Ending.Done)
                    {
                        yield break;
                    }

                    yield return one;
                }
            }
        }

        public async Task ToAsync(RawExchange exchange)
        {
            await exchange.WriteAsync(RawServer.Head(200, "Content-Type: text/event-stream\r\n" + (IsChunked ? "Transfer-Encoding: chunked\r\n" : "")));
            byte[] bytes = Bytes[..Length];
            for (int at = 0, i = 0; at < bytes.Length; i++)
            {
                byte[] piece = bytes[at..Math.Min(bytes.Length, at + Pieces[i % Pieces.Length])];
                byte[] framed = IsChunked ? [.. Encoding.ASCII.GetBytes($"{piece.Length:x}\r\n"), .. piece, .. "\r\n"u8] : piece;
                await exchange.WriteAsync(framed);
                at += piece.Length;
            }

            if (IsChunked && !IsCut)
            {
                await exchange.WriteAsync("0\r\n\r\n");
            }

            if (IsCut && IsReset)
            {
                exchange.Reset();
            }
        }

        public override string ToString() =>
            $"{Length} of {Bytes.Length} bytes, pieces of {string.Join(',', Pieces)}, {(IsChunked ? "chunked" : "plain")}{(CarriageReturns ? ", CR LF" : "")}{(IsReset ? ", reset" : "")}: "
            + string.Concat(Events.Select(static one => one.Wire.Length > 300 ? one.Wire[..300] : one.Wire));

        private string WireOf(Event one) => CarriageReturns ? one.Wire.Replace("\n", "\r\n", StringComparison.Ordinal) : one.Wire;
    }
}
