using System.IO.Compression;
using System.Net;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>An endpoint that is broken past all measure, or means harm, costs a call a bounded amount and one failover.</summary>
public sealed class HostileEndpointTests
{
    private const long Mebibyte = 1024 * 1024;

    /// <summary>What the sockets of both sides may hold beyond what is read: on Linux up to 32 MiB received and 4 MiB to be sent.</summary>
    private const long Buffered = 40 * Mebibyte;

    private static readonly string Filler = new('x', 65536);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, bool> OddRetryAfter()
    {
        TheoryData<string, bool> data = [];
        foreach (string value in new[]
        {
            "99999999999999999999", "1e308", "-1e308", "NaN", "Infinity", "-Infinity", "-5", "0", "", "1e-320", "0x7fffffff",
            "Fri, 31 Dec 9999 23:59:59 GMT", "Sat, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 99999 23:59:59 GMT", "soon", "86400", "1, 2",
        })
        {
            data.Add(value, false);
            data.Add(value, true);
        }

        return data;
    }

    [Theory]
    [InlineData(false, 256)]
    [InlineData(true, 32)]
    public async Task A_body_without_end_is_read_up_to_its_limit(bool streaming, int most)
    {
        await using RawServer hostile = new(async exchange =>
        {
            await exchange.WriteAsync(RawServer.Head(200, $"Content-Type: {(streaming ? "text/event-stream" : "application/json")}\r\n"));
            await exchange.WriteAsync(streaming ? "data: {\"id\":\"" : "{\"id\":\"");
            await exchange.WriteForeverAsync(Filler);
        });

        await AssertMovesOnAsync(hostile, streaming, most * Mebibyte);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_that_names_a_length_beyond_its_limit_is_not_read(bool streaming)
    {
        await using RawServer hostile = new(async exchange =>
        {
            await exchange.WriteAsync(RawServer.Head(200, "Content-Type: application/json\r\nContent-Length: 99999999999\r\n") + "data: {\"id\":\"");
            await exchange.WriteForeverAsync(Filler);
        });

        await AssertMovesOnAsync(hostile, streaming, streaming ? 32 * Mebibyte : 0);
    }

    [Theory]
    [InlineData(429, false)]
    [InlineData(429, true)]
    [InlineData(500, false)]
    [InlineData(500, true)]
    [InlineData(401, true)]
    public async Task Of_an_error_without_end_the_status_counts(int status, bool streaming)
    {
        await using RawServer hostile = new(async exchange =>
        {
            await exchange.WriteAsync(RawServer.Head(status, "Retry-After: 20\r\nContent-Type: application/json\r\n"));
            await exchange.WriteForeverAsync(Filler + "\n\n");
        });

        EndpointAttempt error = await AssertMovesOnAsync(hostile, streaming, Mebibyte);
        Assert.Equal(status, error.Status);
    }

    [Theory]
    [InlineData("X-More: ", false)]
    [InlineData("X-More: ", true)]
    [InlineData("X-More: 1\r\n", false)]
    [InlineData("X-More: 1\r\n", true)]
    [InlineData("", false)]
    public async Task Headers_without_end_are_read_up_to_their_limit(string header, bool streaming)
    {
        await using RawServer hostile = new(async exchange =>
        {
            await exchange.WriteAsync("HTTP/1.1 200 OK\r\n");
            await exchange.WriteForeverAsync(header.EndsWith('\n') ? string.Concat(Enumerable.Repeat(header, 1000)) : header + Filler);
        });

        await AssertMovesOnAsync(hostile, streaming, Mebibyte);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Interim_answers_without_end_count_as_headers(bool streaming)
    {
        await using RawServer hostile = new(static exchange => exchange.WriteForeverAsync(
            string.Concat(Enumerable.Repeat("HTTP/1.1 103 Early Hints\r\nX: 1\r\n\r\n", 1000))));

        await AssertMovesOnAsync(hostile, streaming, Mebibyte);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("", true)]
    [InlineData("HTTP/1.1 200 OK\r\nX-Slow: ", false)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"id\":\"", false)]
    public Task A_byte_a_second_costs_the_time_of_an_attempt(string start, bool streaming) => AssertDripMovesOnAsync(start, streaming, options => { });

    [Fact]
    public Task A_byte_a_second_of_a_stream_costs_the_time_to_its_first_content() => AssertDripMovesOnAsync(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {\"id\":\"", streaming: true, static options => options.FirstContentTimeout = 100.Seconds());

    private static async Task AssertDripMovesOnAsync(string start, bool streaming, Action<RoundRobinOptions> configure)
    {
        FakeTimeProvider time = new();
        using SemaphoreSlim seconds = new(0);
        using SemaphoreSlim bytes = new(0);
        await using RawServer hostile = new(async exchange =>
        {
            await exchange.WriteAsync(start);
            while (true)
            {
                await seconds.WaitAsync(exchange.Stop);
                await exchange.WriteAsync("x");
                bytes.Release();
            }
        });
        await using Fleet fleet = await StartAsync(hostile, time, configure: configure);

        Task<Answer> call = fleet.AskAsync(streaming);
        await WaitUntilAsync(() => hostile.Heads.Count == 1);
        for (int i = 0; i < 99; i++)
        {
            time.Advance(1.Seconds());
            seconds.Release();
            await bytes.WaitAsync(Cancellation);
        }

        Assert.Equal(0, fleet.Attempts("west"));
        await time.AdvanceUntilAsync(2.Seconds(), () => call.IsCompleted);
        Assert.Equal("west", (await call).Endpoint);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nothing_is_unpacked_that_nobody_asked_to_be_packed(bool streaming)
    {
        byte[] bomb = Bomb(2);
        await using RawServer hostile = new(async exchange =>
        {
            Assert.DoesNotContain("Accept-Encoding", exchange.Head, StringComparison.OrdinalIgnoreCase);
            await exchange.WriteAsync(Packed(bomb));
            await exchange.WriteAsync(bomb);
        });

        await AssertMovesOnAsync(hostile, streaming, Mebibyte);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_given_client_that_unpacks_is_let_unpack_up_to_the_limit(bool streaming)
    {
        byte[] bomb = Bomb(64);
        using CountingHandler handler = new(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.All, AllowAutoRedirect = false });
        using HttpClient given = new(handler) { Timeout = Timeout.InfiniteTimeSpan };
        await using RawServer hostile = new(async exchange =>
        {
            await exchange.WriteAsync(Packed(bomb));
            await exchange.WriteAsync(bomb);
        });

        await AssertMovesOnAsync(hostile, streaming, bomb.Length, given);

        Assert.InRange(handler.Read, 32 * Mebibyte, (streaming ? 32 : 256) * Mebibyte + Mebibyte);
    }

    [Theory]
    [MemberData(nameof(OddRetryAfter))]
    public async Task An_odd_or_gigantic_retry_after_keeps_nobody_out_for_long(string value, bool streaming)
    {
        FakeTimeProvider time = new();
        await using RawServer hostile = new(exchange => exchange.WriteAsync(
            RawServer.Json("""{"error":{"code":"429","message":"slow down"}}""", 429, $"Retry-After: {value}\r\nretry-after-ms: {value}\r\n")));
        await using Fleet fleet = await StartAsync(hostile, time);

        for (int i = 0; i < 4; i++)
        {
            Assert.Equal("west", (await fleet.AskAsync(streaming, $"question {i}")).Endpoint);
        }

        int before = hostile.Heads.Count;
        Assert.InRange(before, 1, 4);
        Assert.InRange(fleet.StatusOf("east").ReadyIn ?? TimeSpan.Zero, TimeSpan.Zero, 5.5.Seconds() * 60);
        time.Advance(6.Seconds() * 60);
        await fleet.AskAsync(streaming, times: 4);

        Assert.InRange(hostile.Heads.Count, before + 1, before + 4);
        Assert.All(fleet.Ledger.Snapshot("west"), static entry => Assert.Equal(200, entry.Status));
    }

    [Theory]
    [InlineData(70, true)]
    [InlineData(60, false)]
    public async Task What_comes_without_content_is_held_up_to_1_mebibyte(int events, bool isPassedOn)
    {
        string padding = new('p', 16384);
        string update = $$"""data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"padding":"{{padding}}"}""" + "\n\n";
        await using RawServer hostile = new(exchange => exchange.WriteAsync(RawServer.Events(string.Concat(Enumerable.Repeat(update, events)))));
        await using Fleet fleet = await StartAsync(hostile);

        (string text, Exception? failure) = await fleet.Client.GetStreamingResponseAsync("hello", cancellationToken: Cancellation).ReadAsync();

        Assert.Equal(isPassedOn ? ("", 0) : ("[west] hello", 1), (text, fleet.Attempts("west")));
        Assert.Equal(isPassedOn ? typeof(ChatStreamInterruptedException) : null, failure?.GetType());
    }

    [Fact]
    public async Task Updates_without_content_and_without_end_reach_the_caller_who_can_stop_them()
    {
        await using RawServer hostile = new(async exchange =>
        {
            await exchange.WriteAsync(RawServer.Events(""));
            await exchange.WriteForeverAsync("""data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}""" + "\n\n");
        });
        await using Fleet fleet = await StartAsync(hostile);

        Assert.Equal(5000, await fleet.Client.GetStreamingResponseAsync("hello", cancellationToken: Cancellation).Take(5000).CountAsync(Cancellation));

        Assert.Equal(0, fleet.StatusOf("east").InFlight);
    }

    /// <summary>A call that the hostile endpoint gets first is answered by the other one; and what that cost.</summary>
    private static async Task<EndpointAttempt> AssertMovesOnAsync(RawServer hostile, bool streaming, long most, HttpClient? given = null)
    {
        await using Fleet fleet = await StartAsync(hostile, given: given);
        Answer answer = await fleet.AskAsync(streaming);

        Assert.Equal(("west", 2, "[west] hello"), (answer.Endpoint, answer.Attempts, answer.Text));
        Assert.Single(hostile.Heads);
        Assert.InRange(hostile.Sent, 0, most + Buffered);
        EndpointStatus east = fleet.StatusOf("east");
        Assert.Equal((1, 0), (east.Failed, east.InFlight));
        return east.LastError!;
    }

    private static Task<Fleet> StartAsync(RawServer hostile, TimeProvider? time = null, HttpClient? given = null, Action<RoundRobinOptions>? configure = null) =>
        Fleet.StartAsync(["east", "west"], setup =>
        {
            setup.Time = time ?? TimeProvider.System;
            setup.Pool = options =>
            {
                options.HttpClient = given;
                configure?.Invoke(options);
            };
            setup.Endpoint = (resource, endpoint) => endpoint.Endpoint = resource.Name == "east" ? hostile.Endpoint : endpoint.Endpoint;
        });

    private static async Task WaitUntilAsync(Func<bool> happened)
    {
        while (!happened())
        {
            await Task.Delay(2, Cancellation);
        }
    }

    private static string Packed(byte[] bytes) =>
        RawServer.Head(200, $"Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {bytes.Length}\r\n");

    /// <summary>Zeros, so many times 16 MiB, packed a thousandfold.</summary>
    private static byte[] Bomb(int times)
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(new byte[16 * Mebibyte]);
        }

        return [.. Enumerable.Repeat(packed.ToArray(), times).SelectMany(static bytes => bytes)];
    }

    /// <summary>Counts what is read out of the answers, unpacked as they are.</summary>
    private sealed class CountingHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        private long _read;

        public long Read => Interlocked.Read(ref _read);

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
            StreamContent counted = new(new CountingStream(await response.Content.ReadAsStreamAsync(cancellationToken), count => Interlocked.Add(ref _read, count)));
            foreach ((string name, IEnumerable<string> values) in response.Content.Headers)
            {
                counted.Headers.TryAddWithoutValidation(name, values);
            }

            response.Content = counted;
            return response;
        }
    }

    private sealed class CountingStream(Stream inner, Action<int> count) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int read = await inner.ReadAsync(buffer, cancellationToken);
            count(read);
            return read;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
