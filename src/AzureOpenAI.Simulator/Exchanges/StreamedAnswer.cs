using System.Buffers;
using System.Text;

namespace AzureOpenAI.Simulator;

/// <summary>Sends a stream's events: framed, paced, in pieces if asked for, up to where a fault stops it.</summary>
internal sealed class StreamedAnswer
{
    private readonly Exchange _exchange;
    private readonly EventList _events;
    private readonly StreamFormat _format;
    private readonly Latency _pace;
    private readonly Fault? _fault;
    private readonly ArrayBufferWriter<byte> _unsent = new(4096);

    private StreamedAnswer(Exchange exchange, EventList events, SimulatedDeployment deployment, Fault? fault)
    {
        _exchange = exchange;
        _events = events;
        _format = deployment.StreamFormat;
        _pace = deployment.ChunkLatency;
        _fault = fault;
    }

    public static Task SendAsync(Exchange exchange, EventList events, SimulatedDeployment deployment, Fault? fault)
    {
        exchange.NoteStatus(200);
        exchange.Http.Response.ContentType = MediaTypes.EventStream;
        exchange.Http.Response.Headers["x-accel-buffering"] = "no";
        return new StreamedAnswer(exchange, events, deployment, fault).SendAsync();
    }

    private async Task SendAsync()
    {
        int end = _fault is null ? _events.Count : Math.Min(_fault.Events, _events.Count);
        bool isPaced = !ReferenceEquals(_pace, Latency.None);
        bool anyContent = false;
        for (int i = 0; i < end; i++)
        {
            if (isPaced && _events.IsContent(i) && anyContent)
            {
                await FlushAsync(i).ConfigureAwait(false);
                await _exchange.DelayAsync(_pace).ConfigureAwait(false);
            }

            anyContent |= _events.IsContent(i);
            if (_fault is null && i == end - 1)
            {
                _exchange.Aborted.ThrowIfCancellationRequested();
                _exchange.NoteEvents(end);
                _exchange.Finish(LedgerOutcome.Answered);
            }

            Write(_events[i].Span);
        }

        if (_fault is not null)
        {
            await SpoilAsync(_fault, end).ConfigureAwait(false);
        }
        else
        {
            await SendUnsentAsync().ConfigureAwait(false);
        }
    }

    private async Task SpoilAsync(Fault fault, int sent)
    {
        if (fault.Kind is FaultKind.Stall or FaultKind.Cut)
        {
            await FlushAsync(sent).ConfigureAwait(false);
            await PlainAnswer.InterruptAsync(_exchange, fault).ConfigureAwait(false);
            return;
        }

        _exchange.NoteEvents(sent);
        _exchange.Finish(LedgerOutcome.Faulted);
        if (fault.Kind == FaultKind.ErrorEvent)
        {
            Write(Encoding.UTF8.GetBytes(fault.Text));
        }

        await SendUnsentAsync().ConfigureAwait(false);
    }

    private async Task FlushAsync(int sent)
    {
        _exchange.NoteEvents(sent);
        await SendUnsentAsync().ConfigureAwait(false);
    }

    private async Task SendUnsentAsync()
    {
        var bytes = _unsent.WrittenMemory;
        int size = _format.PieceSize == 0 ? bytes.Length : _format.PieceSize;
        do
        {
            var piece = bytes[..Math.Min(size, bytes.Length)];
            await _exchange.SendAsync(piece).ConfigureAwait(false);
            bytes = bytes[piece.Length..];
        }
        while (!bytes.IsEmpty);

        _unsent.ResetWrittenCount();
    }

    private void Write(ReadOnlySpan<byte> payload)
    {
        var lineEnd = _format.CarriageReturns ? "\r\n"u8 : "\n"u8;
        if (_format.KeepAliveComments)
        {
            _unsent.Write(": keep-alive"u8);
            _unsent.Write(lineEnd);
            _unsent.Write(lineEnd);
        }

        _unsent.Write("data: "u8);
        _unsent.Write(payload);
        _unsent.Write(lineEnd);
        _unsent.Write(lineEnd);
    }
}
