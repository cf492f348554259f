using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>Everything that a server can do to an exchange, as bytes on a socket.</summary>
internal static class WireFaults
{
    private const string Words = "The model broke down.";

    private const string EventHead = "Content-Type: text/event-stream\r\n";

    private const string Done = "data: [DONE]\n\n";

    private static readonly int[] Errors =
    [
        400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 499,
        500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 522, 524, 529, 530, 599,
    ];

    private static readonly string Whole = RawPair.Completion(RawPair.WestText);

    private static readonly string Role = RawPair.Chunk("""{"role":"assistant"}""");

    private static readonly string Content = RawPair.Chunk("""{"role":"assistant","content":"[west] "}""");

    private static readonly string Rest = RawPair.Chunk("""{"content":"all is well"}""");

    private static readonly string Finish = RawPair.Chunk("{}", "\"stop\"");

    private static readonly string Stream = Content + Rest + Finish + Done;

    /// <summary>What the service says where it must not: in an answer of status 200.</summary>
    private static readonly string[] InBand =
    [
        $$$"""{"error":{"message":"{{{Words}}}","type":"server_error","param":null,"code":null}}""",
        $$$"""{"error":{"code":500,"message":"{{{Words}}}"}}""",
        $$$"""{"error":{"code":"rate_limit_exceeded","message":"Slow down, retry after 1 second."}}""",
        $$$"""{"error":{"code":"content_filter","message":"{{{Words}}}"}}""",
        $$$"""{"error":"{{{Words}}}"}""",
        $$$"""{"statusCode":500,"message":"{{{Words}}}"}""",
        $$$"""{"type":"error","code":"server_error","message":"{{{Words}}}","param":null}""",
        $$$"""{"object":"error","message":"{{{Words}}}","type":"server_error","code":500}""",
        $$$"""{"id":"1","created":1,"model":"m","error":{"code":"server_error","message":"{{{Words}}}"}}""",
        $$$"""{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","error":{"code":"server_error","message":"{{{Words}}}"},"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}""",
    ];

    public static IEnumerable<WireFault> All => [.. Statuses(), .. Hints(), .. Bodies(), .. Cuts(), .. Silences(), .. Errors200(), .. Wholes()];

    /// <summary>What a server can do to a connection before it has taken a request: in the handshake, where it speaks TLS.</summary>
    public static IEnumerable<WireFault> Greetings =>
    [
        new("reset before the handshake", static connection => { connection.Reset(); return Task.CompletedTask; }),
        new("closed before the handshake", static _ => Task.CompletedTask),
        new("an answer without TLS", static connection => connection.WriteAsync(RawServer.Json(Whole))),
        new("an alert", static connection => connection.WriteAsync(new byte[] { 21, 3, 3, 0, 2, 2, 40 })),
        new("half a handshake", static connection => connection.WriteAsync(new byte[] { 22, 3, 3, 0, 90, 2, 0 })),
        new("rubbish", static connection => connection.WriteAsync("what do you want?\r\n")),
        // The limit on connecting ends it: not silent for the sake of the attempt's limit.
        new("silence in the handshake", static connection => connection.StallAsync()),
    ];

    private static IEnumerable<WireFault> Statuses()
    {
        foreach (int status in Errors)
        {
            yield return Says($"status {status}", RawServer.Json($$$"""{"error":{"code":"{{{status}}}","message":"No."}}""", status));
        }

        foreach (int status in (int[])[300, 304, 306, 399])
        {
            yield return Says($"status {status}", RawServer.Head(status, "Content-Length: 0\r\n"));
        }

        foreach (int status in (int[])[301, 302, 303, 307, 308])
        {
            yield return Says($"status {status} to nowhere", RawServer.Head(status, "Content-Length: 0\r\nLocation: http://127.0.0.1:9/\r\n"));
        }

        yield return new("status 302 to itself", static exchange => exchange.WriteAsync(RawServer.Head(302, $"Content-Length: 0\r\nLocation: {exchange.Head.Split(' ')[1]}\r\n")));
        foreach (int status in (int[])[400, 403, 404, 429, 500, 502, 503])
        {
            yield return Says($"status {status} as HTML", RawServer.Head(status, "Content-Type: text/html\r\n") + "<html><body><h1>Something is in the way</h1></body></html>");
            yield return Says($"status {status} empty", RawServer.Head(status, "Content-Length: 0\r\n"));
        }

        yield return Says("status 400 content filter", RawServer.Json("""{"error":{"code":"content_filter","message":"No.","innererror":{"code":"ResponsibleAIPolicyViolation"}}}""", 400));
        yield return Says("status 400 too long", RawServer.Json("""{"error":{"code":"context_length_exceeded","message":"No."}}""", 400));
        yield return Says("status 404 no deployment", RawServer.Json("""{"error":{"code":"DeploymentNotFound","message":"No."}}""", 404));
        yield return Says("status 500 of 2 MiB", RawServer.Json(new string('x', 2 << 20), 500));
        yield return Says("status 500 cut", RawServer.Head(500, "Content-Length: 100\r\n") + "half of");
    }

    private static IEnumerable<WireFault> Hints()
    {
        foreach (int status in (int[])[403, 408, 429, 500, 503, 529])
        {
            yield return Hinted(status, "Retry-After: 1");
        }

        foreach (string hint in (string[])
        [
            "retry-after-ms: 300", "x-ms-retry-after-ms: 300", "Retry-After: 0.5", "Retry-After: 1\r\nRetry-After: 1", "Retry-After: 1, 1", "Retry-After: 0", "Retry-After: -1",
            "Retry-After: NaN", "Retry-After: Sat, 01 Jan 2000 00:00:00 GMT", "Retry-After: soon", "x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 1s", "Retry-After: 86400",
        ])
        {
            yield return Hinted(429, hint);
        }

        yield return new("429 Retry-After as a date", static exchange => exchange.WriteAsync(
            RawServer.Json(Refused, 429, $"Date: {Date(0)}\r\nRetry-After: {Date(1)}\r\n")));
        yield return Says("429 with a hint in its text", RawServer.Json("""{"error":{"code":"429","message":"Please retry after 1 second."}}""", 429));
    }

    private static IEnumerable<WireFault> Bodies()
    {
        yield return Body("empty", "");
        yield return Says("empty without a length", RawServer.Head(200, "Content-Type: application/json\r\n"));
        yield return Says("status 204", RawServer.Head(204));
        yield return Says("HTML", RawServer.Head(200, "Content-Type: text/html\r\n") + "<html><body><h1>Log in</h1></body></html>");
        yield return Says("gzip that nobody asked for", Gzip(RawServer.Head(200, "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"), Whole)) with { IsForStreams = false };
        yield return Says("gzip that nobody asked for", Gzip(RawServer.Head(200, EventHead + "Content-Encoding: gzip\r\n"), Stream)) with { IsForCalls = false };
        foreach ((string name, string from, string to) in ((string, string, string)[])
        [
            ("created is a text", "\"created\":1", "\"created\":\"1\""), ("created is huge", "\"created\":1", "\"created\":1e300"), ("finish_reason is a number", "\"stop\"", "5"),
            ("finish_reason is unknown", "\"stop\"", "\"quota_of_the_future\""), ("choices are a number", "\"choices\":[", "\"choices\":5,\"others\":["), ("no choices", "\"choices\":[", "\"choices\":[],\"others\":["),
            ("choices are null", "\"choices\":[", "\"choices\":null,\"others\":["), ("role is a number", "\"assistant\"", "5"), ("a comma too many", "\"choices\":", ",\"choices\":"), ("index is a text", "\"index\":0", "\"index\":\"0\""),
            ("usage is a text", "\"created\":1", "\"created\":1,\"usage\":\"none\""), ("rubbish behind it", "}]}", "}]}}}"), ("content is a number", "\"[west] ", "5,\"x\":\""),
            ("content is null", "\"content\":\"[west] ", "\"content\":null,\"x\":\""), ("no finish", "\"stop\"", "null"),
            ("tool arguments are an object", "\"content\":", "\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1}}}],\"content\":"),
        ])
        {
            yield return Body(name, Whole.Replace(from, to, StringComparison.Ordinal)) with { IsForStreams = false };
            yield return Says(name, RawServer.Events(Stream.Replace(from, to, StringComparison.Ordinal))) with { IsForCalls = false };
        }

        foreach (string body in (string[])["null", "[]", "{}", "\"text\"", "0", "{", "\u0000", """{"choices":[{}]}""", """{"choices":[{"message":null,"finish_reason":"stop"}]}"""])
        {
            yield return Body($"body {body}", body);
            yield return Says($"event {body}", RawServer.Events($"data: {body}\n\n{Done}")) with { IsForCalls = false };
        }

        yield return Says("no event but [DONE]", RawServer.Events(Done)) with { IsForCalls = false };
        yield return Says("rubbish after content", RawServer.Events($"{Content}data: rubbish\n\n{Done}")) with { IsForCalls = false };
        yield return Says("rubbish after the finish", RawServer.Events($"{Content}{Rest}{Finish}data: rubbish\n\n")) with { IsForCalls = false, IsWhole = true };
        yield return Says("no status line", "rubbish\r\n\r\n");
        yield return Says("a header without a colon", "HTTP/1.1 200 OK\r\nConnection: close\r\nrubbish\r\n\r\n" + Whole);
    }

    private static IEnumerable<WireFault> Cuts()
    {
        yield return new("reset before the head", static exchange => { exchange.Reset(); return Task.CompletedTask; });
        yield return Says("end before the head", "");
        foreach (int bytes in (int[])[1, 20, 60])
        {
            yield return Says($"end after {bytes} bytes", RawServer.Json(Whole)[..bytes]);
            yield return Reset($"reset after {bytes} bytes", RawServer.Json(Whole)[..bytes]);
        }

        string head = RawServer.Head(200, EventHead + "Transfer-Encoding: chunked\r\n");
        yield return Says("end after the head", RawServer.Json(Whole)[..^Whole.Length]) with { IsForStreams = false };
        yield return Says("end in the body", RawServer.Json(Whole)[..^20]) with { IsForStreams = false };
        yield return Reset("reset in the body", RawServer.Json(Whole)[..^20]) with { IsForStreams = false };
        yield return Says("end without a length in the body", RawServer.Head(200, "Content-Type: application/json\r\n") + Whole[..^20]) with { IsForStreams = false };
        yield return Says("end in a chunk", RawServer.Head(200, "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n") + Chunked(Whole)[..^30]) with { IsForStreams = false };
        foreach ((string name, string sent, bool isWhole) in ((string, string, bool)[])
            [("the head", "", false), ("the role", Role, false), ("content", Content, false), ("all content", Content + Rest, false), ("half an event", Content + Rest[..30], false), ("the finish", Content + Rest + Finish, true)])
        {
            yield return Says($"end after {name}", RawServer.Events(sent)) with { IsForCalls = false, IsWhole = isWhole };
            yield return Says($"[DONE] after {name}", RawServer.Events(sent + (sent.EndsWith('\n') ? "" : "\n\n") + Done)) with { IsForCalls = false, IsWhole = isWhole };
            yield return Says($"end in a chunk after {name}", head + (sent.Length > 0 ? Chunked(sent) : "") + "7f\r\ndata: {") with { IsForCalls = false, IsWhole = isWhole };
            if (!isWhole)
            {
                yield return Reset($"reset after {name}", RawServer.Events(sent)) with { IsForCalls = false };
            }
        }
    }

    private static IEnumerable<WireFault> Silences()
    {
        yield return Stalls("silence before the head", "");
        yield return Stalls("silence in the head", "HTTP/1.1 200 OK\r\nContent-");
        yield return Stalls("silence after the head", RawServer.Json(Whole)[..^Whole.Length]) with { IsForStreams = false };
        yield return Stalls("silence in the body", RawServer.Json(Whole)[..^20]) with { IsForStreams = false };
        yield return Stalls("silence after the head", RawServer.Events("")) with { IsForCalls = false };
        yield return Stalls("silence after the role", RawServer.Events(Role)) with { IsForCalls = false };
        yield return Stalls("silence after content", RawServer.Events(Content)) with { IsForCalls = false };
        yield return Stalls("silence after the finish", RawServer.Events(Content + Rest + Finish)) with { IsForCalls = false, IsWhole = true };
        yield return Stalls("silence after [DONE]", RawServer.Events(Stream)) with { IsForCalls = false, IsWhole = true };
        yield return Stalls("silence after an error", RawServer.Events($"data: {InBand[0]}\n\n")) with { IsForCalls = false };
        yield return new("the next request on its connection unheard", async exchange =>
        {
            await exchange.WriteAsync(KeptOpen(exchange.WantsStream));
            await exchange.StallAsync();
        })
        { IsSilent = true, IsWhole = true };
        yield return Stalls("silence in the body of status 500", RawServer.Head(500, "Content-Length: 100\r\n") + "half of");
    }

    private static IEnumerable<WireFault> Errors200()
    {
        foreach (string error in InBand)
        {
            yield return Body($"in band {error}", error);
            yield return Says($"in band event {error}", RawServer.Events($"data: {error}\n\n{Done}")) with { IsForCalls = false };
        }

        foreach (string before in (string[])["", Role, Content])
        {
            foreach (string form in (string[])["data: ", "event: error\r\ndata:"])
            {
                foreach (string then in (string[])["", Done, Finish + Done])
                {
                    string at = before.Length == 0 ? "at first" : before == Role ? "after the role" : "after content";
                    string end = then.Length == 0 ? "end" : then == Done ? "[DONE]" : "a finish";
                    yield return Says($"in band {form.Split('\r')[0]} {at}, then {end}", RawServer.Events($"{before}{form}{InBand[0]}\n\n{then}")) with { IsForCalls = false };
                }
            }
        }
    }

    /// <summary>Odd, but whole.</summary>
    private static IEnumerable<WireFault> Wholes()
    {
        yield return Odd("the connection closed after it without a word", exchange => exchange.WriteAsync(KeptOpen(exchange.WantsStream)));
        yield return Odd("the next request on its connection reset", async exchange =>
        {
            await exchange.WriteAsync(KeptOpen(exchange.WantsStream));
            await exchange.HearMoreAsync();
            exchange.Reset();
        });
        yield return Odd("the next request on its connection unanswered", async exchange =>
        {
            await exchange.WriteAsync(KeptOpen(exchange.WantsStream));
            await exchange.HearMoreAsync();
        });
        foreach (string headers in (string[])
        [
            "x-request-id: a\r\nx-request-id: b\r\n", "Content-Type: application/json\r\n", "x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-remaining-tokens: 1\r\n", "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-limit-requests: 1\r\n",
            "Retry-After: 20\r\n", "Retry-After: 20\r\nRetry-After: 20\r\n", "azure-openai-deployment-utilization: 150%\r\n", "Set-Cookie: a=b\r\n", "Location: /elsewhere\r\n",
        ])
        {
            yield return Odd($"with {headers.Replace("\r\n", " ", StringComparison.Ordinal)}", exchange => exchange.WriteAsync(exchange.WantsStream ? RawServer.Head(200, EventHead + headers) + Stream : RawServer.Json(Whole, headers: headers)));
        }

        foreach (string type in (string[])["", "Content-Type: text/plain\r\n", "Content-Type: text/html\r\n", "Content-Type: application/json; charset=utf-7\r\n", "Content-Type: rubbish\r\n"])
        {
            yield return Odd($"of type '{type.Trim()}'", exchange => exchange.WriteAsync(RawServer.Head(200, type) + (exchange.WantsStream ? Stream : Whole)));
        }

        foreach (int status in (int[])[201, 202, 203, 206, 299])
        {
            yield return Odd($"with status {status}", exchange => exchange.WriteAsync(RawServer.Head(status, exchange.WantsStream ? EventHead : "Content-Type: application/json\r\n") + (exchange.WantsStream ? Stream : Whole)));
        }

        yield return Odd("after early hints", exchange => exchange.WriteAsync("HTTP/1.1 103 Early Hints\r\nX: 1\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + (exchange.WantsStream ? RawServer.Events(Stream) : RawServer.Json(Whole))));
        yield return Odd("of HTTP/1.0", exchange => exchange.WriteAsync("HTTP/1.0 200 OK\r\n" + (exchange.WantsStream ? EventHead : "") + "\r\n" + (exchange.WantsStream ? Stream : Whole)));
        yield return Odd("behind a byte order mark", exchange => exchange.WriteAsync(exchange.WantsStream ? RawServer.Events('\uFEFF' + Stream) : RawServer.Json('\uFEFF' + Whole)));
        yield return Odd("behind white space", exchange => exchange.WriteAsync(exchange.WantsStream ? RawServer.Events("\n\n\n" + Stream) : RawServer.Json(" \r\n\t" + Whole + "\n\n")));
        yield return Odd("with 3 MiB of something unknown", exchange => exchange.WriteAsync(Padded(exchange.WantsStream, 3 << 20)));
        yield return Odd("a byte at a time", async exchange =>
        {
            foreach (char one in exchange.WantsStream ? RawServer.Events(Stream) : RawServer.Json(Whole))
            {
                await exchange.WriteAsync($"{one}");
            }
        });
        foreach ((string name, string stream) in ((string, string)[])
        [
            ("comments", string.Concat(Enumerable.Repeat(": keep-alive\n\n", 5)) + Stream.Replace("data:", ": keep-alive\n\ndata:", StringComparison.Ordinal)), ("comments within events", Stream.Replace("data:", ": keep-alive\ndata:", StringComparison.Ordinal)),
            ("carriage returns", Stream.Replace("\n", "\r\n", StringComparison.Ordinal)), ("names of events", Stream.Replace("data:", "event: message\nid: 5\nretry: 10\ndata:", StringComparison.Ordinal)),
            ("no space after the colon", Stream.Replace("data: ", "data:", StringComparison.Ordinal)), ("empty events", Stream.Replace("data:", "data:\n\ndata:", StringComparison.Ordinal)), ("without [DONE]", Content + Rest + Finish),
            ("a prompt filter event", """data: {"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[]}""" + "\n\n" + Stream), ("more after [DONE]", Stream + ": bye\n\ndata: {}\n\n"),
            ("500 events without content", string.Concat(Enumerable.Repeat(Role, 500)) + Stream),
            ("usage", Content + Rest + Finish + """data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}""" + "\n\n" + Done),
        ])
        {
            yield return Odd($"stream with {name}", exchange => exchange.WriteAsync(RawServer.Events(stream))) with { IsForCalls = false };
        }
    }

    private const string Refused = """{"error":{"code":"429","message":"Slow down."}}""";

    private static WireFault Hinted(int status, string headers) => Says($"status {status} {headers.Replace("\r\n", " ", StringComparison.Ordinal)}", RawServer.Json(Refused, status, headers + "\r\n"));

    private static WireFault Body(string name, string body) => Says(name, RawServer.Json(body));

    private static WireFault Says(string name, string text) => Says(name, Encoding.UTF8.GetBytes(text));

    private static WireFault Says(string name, byte[] bytes) => new(name, exchange => exchange.WriteAsync(bytes));

    private static WireFault Reset(string name, string text) => new(name, async exchange =>
    {
        await exchange.WriteAsync(text);
        exchange.Reset();
    });

    private static WireFault Stalls(string name, string text) => new(name, async exchange =>
    {
        await exchange.WriteAsync(text);
        await exchange.StallAsync();
    })
    { IsSilent = true };

    private static WireFault Odd(string name, Func<RawExchange, Task> say) => new(name, say) { IsWhole = true };

    /// <summary>A whole answer on a connection that the client may use again.</summary>
    private static string KeptOpen(bool streaming) => streaming
        ? $"HTTP/1.1 200 OK\r\n{EventHead}Transfer-Encoding: chunked\r\n\r\n{Chunked(Stream)}0\r\n\r\n"
        : $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Whole.Length}\r\n\r\n{Whole}";

    private static string Padded(bool streaming, int bytes)
    {
        string padding = $"\"created\":1,\"padding\":\"{new string('p', bytes)}\"";
        return streaming
            ? RawServer.Events(Content.Replace("\"created\":1", padding, StringComparison.Ordinal) + Rest + Finish + Done)
            : RawServer.Json(Whole.Replace("\"created\":1", padding, StringComparison.Ordinal));
    }

    private static byte[] Gzip(string head, string body)
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(Encoding.UTF8.GetBytes(body));
        }

        return [.. Encoding.UTF8.GetBytes(head), .. packed.ToArray()];
    }

    private static string Chunked(string text) => $"{text.Length:x}\r\n{text}\r\n";

    private static string Date(int seconds) => DateTimeOffset.UtcNow.AddSeconds(seconds).ToString("R", CultureInfo.InvariantCulture);
}
