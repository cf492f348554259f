namespace AzureOpenAI.RoundRobin.Redis.Facts;

/// <summary>
/// What the server runs. All of a fleet's keys are in one slot of a cluster. The only clock is the server's. No value of a key is trusted: anybody may have written it.
/// </summary>
internal static class FactScripts
{
    /// <summary>
    /// Tells one fact. The later end wins, and each ejection has a higher number than the one before it. Only a change is published, so that many processes that find the same make one message.
    /// </summary>
    /// <remarks>
    /// KEYS: the index of ids by the time at which their record is of no use any more; the record.
    /// ARGV: channel, id, kind, number, milliseconds, reason, stated, source.
    /// A process that has missed an ejection numbers its own too low, so the source of a recovery counts beside its number.
    /// </remarks>
    public const string Tell = """
        local longest, keep, last = 300000, 660000, 9007199254740991
        local t = redis.call('TIME')
        local now = t[1] * 1000 + math.floor(t[2] / 1000)
        local function number(text, most)
            local x = tonumber(text)
            if x and x >= 0 and x <= most then return x end
        end
        local function text(x) return string.format('%.0f', x) end

        local old = redis.pcall('HMGET', KEYS[2], 'kind', 'gen', 'until', 'by')
        if old.err then old = {} end
        local generation, over = number(old[2], last), number(old[3], now + longest)
        if not (generation and over and now - over < keep) then
            generation, over, old = 0, 0, {}
        end

        local told, ends = number(ARGV[4], last) or 1, now
        if ARGV[3] ~= 'recovered' then
            local pause = number(ARGV[5], longest) or longest
            ends = now + pause
            if old[1] == ARGV[3] and told <= generation and ends <= over + math.min(1000, pause / 4) then return { text(now), 0 } end
            generation = math.min(math.max(generation + 1, told), last)
        else
            if old[1] == 'recovered' and told <= generation then return { text(now), 0 } end
            if old[1] == 'ejected' and told < generation and old[4] ~= ARGV[8] then return { text(now), 0 } end
            generation = math.max(generation, told)
        end

        redis.call('DEL', KEYS[2])
        redis.call('HSET', KEYS[2], 'kind', ARGV[3], 'gen', text(generation), 'until', text(ends), 'reason', ARGV[6], 'stated', ARGV[7], 'by', ARGV[8])
        redis.call('PEXPIREAT', KEYS[2], text(ends + keep))
        local added = redis.pcall('ZADD', KEYS[1], text(ends + keep), ARGV[2])
        if type(added) == 'table' and added.err then
            redis.call('DEL', KEYS[1])
            redis.call('ZADD', KEYS[1], text(ends + keep), ARGV[2])
        end
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now))
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. text(now + longest + keep), '+inf')
        redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -257)
        redis.call('PEXPIREAT', KEYS[1], text(now + longest + keep))
        redis.call('PUBLISH', ARGV[1], table.concat({ ARGV[2], ARGV[3], text(generation), text(ends), ARGV[6], ARGV[7], ARGV[8], text(now) }, ' '))
        return { text(now), 1 }
        """;

    /// <summary>Reads the server's time and all that it holds of the fleet, 256 records at most.</summary>
    /// <remarks>KEYS: the index.</remarks>
    public const string Read = """
        local t = redis.call('TIME')
        local all = { string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000)) }
        local ids = redis.pcall('ZREVRANGE', KEYS[1], 0, 255)
        if ids.err then return all end
        for i = 1, #ids do
            local fact = redis.pcall('HMGET', KEYS[1] .. ':' .. ids[i], 'kind', 'gen', 'until', 'reason', 'stated', 'by')
            if #ids[i] == 16 and not fact.err then
                all[#all + 1] = ids[i]
                for j = 1, 6 do
                    local value = fact[j]
                    all[#all + 1] = value and #value <= 64 and value or ''
                end
            end
        end
        return all
        """;
}
