namespace AzureOpenAI.RoundRobin.Redis.Permits;

/// <summary>
/// What the server runs for a request for permits. The k-th start of a limit does not come before the end of the (k - limit)-th and its period, so a list of the last grants is all that
/// it holds. The only clock is the server's, and no value of a key is trusted.
/// </summary>
internal static class PermitScript
{
    /// <summary>The numbers of each limit: calls, their period, tokens, their period, priority, not before, calls and tokens taken, whether something was granted before.</summary>
    public const int NumbersOfLimit = 9;

    /// <summary>The numbers of each limit in the reply, after the time: until the next start, granted so far, whether the server had lost what it held.</summary>
    public const int StatesOfLimit = 3;

    /// <summary>The numbers of each permit in the reply: place, until its start, how long it is kept, tokens.</summary>
    public const int NumbersOfPermit = 4;

    /// <summary>Grants each permit at the deployment whose next start is the soonest. Times are in microseconds.</summary>
    /// <remarks>
    /// KEYS: for each limit the list of its calls and that of its tokens; and a lock, since scripts of Garnet run side by side: where another holds it, the reply is the time alone. An entry is "the last moment at which a grant may be used : the sum of all grants up to it"; grants of one
    /// 512th of the period share one. ARGV: the number of limits and their numbers; for each wish count, tokens, within, hold, ahead, the number of places, and the places.
    /// A ring is searched once for each wish, and once for each permit that it grants.
    /// </remarks>
    public const string Text = """
        local parts, filled, most = 512, 64, 9007199254740991
        local t = redis.call('TIME')
        local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
        local function text(x) return string.format('%.0f', x) end
        local lock = KEYS[#KEYS]
        if not redis.call('SET', lock, '1', 'NX', 'PX', '100') then return { text(now) } end

        local function read(ring, index)
            local entry = ring.entries[index]
            if not entry then
                local ends, total = string.match(redis.call('LINDEX', ring.key, text(index)) or '', '^(%d+):(%d+)$')
                ends, total = tonumber(ends), tonumber(total)
                if ends and total and ends <= now + 86400000000 and total <= most then entry = { ends, total } else entry = { 0, 0 } end
                ring.entries[index] = entry
            end
            return entry
        end

        local function start(ring, cost)
            local needed = math.min(ring.total, ring.total + cost - ring.limit)
            if needed <= 0 or ring.count == 0 then return now end
            local first, last = 0, ring.count - 1
            while first < last do
                local middle = math.floor((first + last) / 2)
                if read(ring, middle)[2] >= needed then last = middle else first = middle + 1 end
            end
            return math.max(now, read(ring, first)[1] + ring.period)
        end

        local function push(ring, ends, cost)
            local part = math.max(1, math.floor(ring.period / parts))
            ends = math.max(ends, ring.last)
            ring.total = ring.total + cost
            if ring.count > 0 and math.floor(ring.last / part) == math.floor(ends / part) then
                ring.count = ring.count - 1
                ring.kept = math.min(ring.kept, ring.count)
            end
            ring.entries[ring.count] = { ends, ring.total }
            ring.count = ring.count + 1
            ring.last = ends
            ring.changed = true
        end

        local function open(key, limit, period, taken, known)
            local ring = { key = key, limit = limit, period = period, total = 0, last = 0, count = 0, entries = {} }
            local count = redis.pcall('LLEN', key)
            if type(count) == 'number' and count > 0 then
                ring.count = count
                local newest = read(ring, count - 1)
                ring.last, ring.total = newest[1], newest[2]
            end
            if ring.total == 0 then
                redis.call('DEL', key)
                ring.count, ring.last, ring.entries = 0, 0, {}
                ring.lost = known == 1
            end
            ring.held, ring.kept = ring.count, ring.count
            if ring.lost then
                for i = 1, filled do
                    local share = math.floor(limit * i / filled) - ring.total
                    if share > 0 then push(ring, now - period + math.floor(i * period / filled), share) end
                end
            end
            if taken > 0 then push(ring, now, taken) end
            return ring
        end

        local function close(ring)
            if not ring.changed then return end
            if ring.kept < ring.held then redis.call('RPOP', ring.key) end
            for i = ring.kept, ring.count - 1 do
                redis.call('RPUSH', ring.key, text(ring.entries[i][1]) .. ':' .. text(ring.entries[i][2]))
            end
            local over = 0
            while over < ring.count - ring.kept + 1 and over < ring.count - 2 and read(ring, over + 1)[1] + ring.period <= now do over = over + 1 end
            if over > 0 then redis.call('LTRIM', ring.key, text(over), '-1') end
            redis.call('PEXPIRE', ring.key, text(math.ceil((math.max(0, ring.last - now) + 2 * ring.period) / 1000) + 60000))
        end

        local at = 1
        local function number() at = at + 1 return tonumber(ARGV[at]) end
        local limits = {}
        for i = 1, tonumber(ARGV[1]) do
            local calls, span, tokens, long, priority, after, taken, spent, known = number(), number(), number(), number(), number(), number(), number(), number(), number()
            local limit = { priority = priority, after = after, cost = 1 }
            if calls > 0 then limit.calls = open(KEYS[2 * i - 1], calls, span, taken, known) end
            if limit.calls and not limit.calls.lost then known = 0 end
            if tokens > 0 then limit.tokens = open(KEYS[2 * i], tokens, long, spent, known) end
            limits[i] = limit
        end

        local function next(limit, calls, cost)
            local soonest = now
            if limit.calls then soonest = start(limit.calls, calls) end
            if limit.tokens and cost > 0 then soonest = math.max(soonest, start(limit.tokens, cost)) end
            return soonest
        end

        local function left(ring, cost)
            if not ring then return true end
            local rest = math.max(1, math.floor(ring.limit / 4))
            return cost + rest <= ring.limit and start(ring, cost + rest) <= now
        end

        local permits = {}
        while at < #ARGV do
            local count, tokens, within, hold, ahead, choices = number(), number(), number(), number(), number(), number()
            local places, starts, granted = {}, {}, {}
            local function look(i)
                local limit = limits[places[i]]
                starts[i] = math.max(now + limit.after, next(limit, 1, tokens))
                if ahead == 1 and not (left(limit.calls, 1) and left(limit.tokens, tokens)) then starts[i] = most end
            end
            for i = 1, choices do
                places[i], granted[i] = number() + 1, 0
                if tokens > 0 then limits[places[i]].cost = tokens else limits[places[i]].cost = 1 end
                look(i)
            end
            for i = 1, count do
                local best = 1
                for j = 2, choices do
                    local a, b = limits[places[j]].priority, limits[places[best]].priority
                    if starts[j] < starts[best] or (starts[j] == starts[best] and (a < b or (a == b and granted[j] < granted[best]))) then best = j end
                end
                if starts[best] > now + within then break end
                local limit = limits[places[best]]
                granted[best] = granted[best] + 1
                if limit.calls then push(limit.calls, starts[best] + hold, 1) end
                if limit.tokens and tokens > 0 then push(limit.tokens, starts[best] + hold, tokens) end
                permits[#permits + 1] = text(places[best] - 1)
                permits[#permits + 1] = text(starts[best] - now)
                permits[#permits + 1] = text(hold)
                permits[#permits + 1] = text(tokens)
                look(best)
            end
        end

        local reply = { text(now) }
        for i = 1, #limits do
            local limit = limits[i]
            local counted = limit.calls or limit.tokens
            reply[#reply + 1] = text(next(limit, 1, limit.cost) - now)
            reply[#reply + 1] = text(counted and counted.total or 0)
            reply[#reply + 1] = counted and counted.lost and '1' or '0'
            if limit.calls then close(limit.calls) end
            if limit.tokens then close(limit.tokens) end
        end
        for i = 1, #permits do reply[#reply + 1] = permits[i] end
        redis.call('DEL', lock)
        return reply
        """;
}
