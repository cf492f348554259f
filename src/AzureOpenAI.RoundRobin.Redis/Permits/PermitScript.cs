namespace AzureOpenAI.RoundRobin.Redis.Permits;

/// <summary>
/// What the server runs for a request for permits. The k-th start of a limit does not come before the end of the (k - limit)-th and its period, so a list of the last grants is all that
/// it holds. The only clock is the server's, and no value of a key is trusted.
/// </summary>
internal static class PermitScript
{
    /// <summary>
    /// The numbers of each limit: calls, their period, tokens, their period, priority, not before, calls and tokens taken, whether something was granted before; whether a pace is asked for, its version, whether a rejection has
    /// changed it, the calls of the last second, plateau, cut, along, back, confirmed, firsts rejected, the last unstated pause, the rest of the pause, calls rejected, the eight numbers of the test.
    /// </summary>
    public const int NumbersOfLimit = 30;

    /// <summary>The numbers of each limit in the reply, after the time: until the next start, granted so far, whether the server had lost what it held; whether there is a pace, its version, rate, plateau, cut, along, back, confirmed, firsts rejected, the last unstated pause, until the line is at its position, that, and the eight numbers of the test.</summary>
    public const int StatesOfLimit = 23;

    /// <summary>The numbers of each permit in the reply: place, until its start, how long it is kept, tokens, place in the line of a pace.</summary>
    public const int NumbersOfPermit = 5;

    /// <summary>Grants each permit at the deployment whose next start is the soonest. Times are in microseconds.</summary>
    /// <remarks>
    /// KEYS: for each limit the list of its calls, that of its tokens, and its pace; and a lock, since scripts of Garnet run side by side: where another holds it, the reply is the time alone. An entry is "the last moment at which a grant may be used : the sum of all grants up to it"; grants of one
    /// 512th of the period share one. ARGV: the time after which nobody waits for the answer any longer, and nothing is granted or counted, or 0; the number of limits and their numbers; for each wish count, tokens, within, hold, ahead, the number of places, and the places.
    /// A ring is searched once for each wish, and once for each permit that it grants.
    /// A pace is one text of numbers. Its line moves on at the rate from "moves" on, where it is at "position"; the rate grows by the permits that were waited for, as their places are reached. While a higher rate is tried, the next start is
    /// reckoned at the one before, so that no more calls wait there than it takes if the trial fails.
    /// </remarks>
    public const string Text = """
        local parts, filled, most = 512, 64, 9007199254740991
        local t = redis.call('TIME')
        local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
        local function text(x) return string.format('%.0f', x) end
        if tonumber(ARGV[1]) > 0 and now > tonumber(ARGV[1]) then return { text(now) } end
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
                local last = read(ring, count - 1)
                ring.last, ring.total = last[1], last[2]
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

        local names = { 'version', 'plateau', 'cut', 'along', 'back', 'confirmed', 'firsts', 'unstated', 'moves', 'position', 'last', 'born', 'bornAt', 'joined', 'minute', 'taken', 'quiet', 'untested', 'total', 'phase', 'top', 'low', 'share', 'failed', 'again', 'calls', 'rejected' }
        local highest = { plateau = 1000000, cut = 0.5, along = 1000, back = 30, confirmed = 1, firsts = 16, unstated = 30000000, moves = now + 300000000, bornAt = now, minute = now, joined = 1000000, phase = 3, top = 1000000, low = 1000000, share = 1, failed = 16, again = now + 660000000, calls = 2147483647, rejected = 2147483647 }
        local young, slack = 2000000, 0.002

        local function rate(line)
            local beyond = line.along - 1
            local part = 1
            if beyond < 0 then part = line.cut end
            return math.min(1000000, math.max(0.01, line.plateau * (1 + part * beyond * beyond * beyond)))
        end

        local function reached(line)
            if line.plateau == 0 then return line.last + 1 end
            return math.max(line.last + 1, line.position - slack * rate(line))
        end

        local function due(line)
            if line.plateau == 0 then return now end
            local known = rate(line)
            if line.phase == 2 then known = math.min(known, line.low) end
            return line.moves + math.floor(1000000 * math.max(0, reached(line) - line.position) / known)
        end

        local function pass(line, ahead)
            local place = reached(line)
            if ahead == 1 and line.plateau > 0 then place = math.max(line.last + 1, line.position - 0.5 * rate(line)) end
            if line.plateau > 0 and line.position <= line.last + 1 + math.max(0.1, slack * rate(line)) then line.untested = line.untested + 1 end
            line.last = place
            if line.plateau == 0 then line.position = place end
            line.total = line.total + 1
            line.taken = line.taken + 1
            line.calls = math.min(highest.calls, line.calls + 1)
            return place
        end

        local function take(line, calls)
            local last = line.last + calls
            if line.plateau > 0 then last = math.max(line.last, math.min(last, line.position + 1)) end
            line.last, line.total, line.taken, line.calls = last, line.total + calls, line.taken + calls, math.min(highest.calls, line.calls + calls)
            if line.plateau == 0 then line.position = line.last end
        end

        local function grow(line)
            local reached, back = line.untested - math.max(0, line.last - line.position), line.back
            if line.plateau == 0 or reached <= 0 then return end
            if line.along >= 1 then back = math.min(back, 5) end
            line.untested = line.untested - reached
            line.along = math.min(1000, line.along + reached / rate(line) / back)
        end

        local function load(key)
            local line, index, held = { key = key }, 0, redis.pcall('GET', key)
            if type(held) == 'string' and #held < 1000 then
                for word in string.gmatch(held, '%S+') do
                    index = index + 1
                    if names[index] then line[names[index]] = tonumber(word) end
                end
            end
            local fits = index == #names
            for i = 1, #names do
                local x = line[names[i]]
                fits = fits and x and x >= 0 and x <= (highest[names[i]] or most)
            end
            if fits and line.plateau > 0 and (line.plateau < 0.01 or line.back < 1 or (line.phase > 1 and line.low < 0.01)) then fits = false end
            if not fits then
                for i = 1, #names do line[names[i]] = 0 end
                line.moves, line.minute, line.back = now, now, 1
            end
            if line.plateau > 0 and now > line.moves then
                local seconds = (now - line.moves) / 1000000
                for _ = 1, 64 do
                    if line.untested <= 0 or seconds <= 0 then break end
                    local step = math.min(seconds, line.back / 32)
                    line.position, seconds = line.position + rate(line) * step, seconds - step
                    grow(line)
                end
                line.position, line.moves = line.position + rate(line) * seconds, now
            end
            return line
        end

        local function hear(line, told)
            local function become()
                line.plateau, line.cut, line.along, line.back = math.min(told.plateau, 1000000), math.min(told.cut, 0.5), math.min(told.along, 1000), math.min(math.max(told.back, 1), 30)
                line.confirmed, line.firsts, line.unstated = told.confirmed, math.min(told.firsts, 16), math.min(told.unstated, 30000000)
                line.phase, line.top, line.low, line.share = told.phase, math.min(told.top, 1000000), math.min(told.low, 1000000), math.min(told.share, 1)
                line.failed, line.again = math.min(told.failed, 16), now + math.min(told.again, 660000000)
            end
            local ends = now + math.min(told.pause, 300000000)
            local function stop()
                line.position = line.position + math.min(1, rate(line) * (ends - now) / 1000000)
                line.moves = math.max(line.moves, ends)
            end
            if told.version > line.version and told.version < most then
                line.version, line.born, line.bornAt = told.version, told.version, 0
                line.position, line.last, line.untested, line.minute, line.taken, line.quiet, line.moves = 0, 0, 0, now, 0, 0, now
                become()
                line.calls, line.rejected = told.calls, told.met
                if told.changed == 1 and told.plateau > 0 then
                    line.version = line.version + 1
                    stop()
                end
            elseif told.changed == 1 and told.plateau > 0 and told.version == line.version then
                local first = line.plateau == 0
                line.version = line.version + 1
                become()
                if told.calls == 0 then line.calls, line.rejected = 0, 0 end
                if first then
                    if now - line.bornAt < young then line.plateau = math.min(1000000, line.plateau + line.joined) end
                    line.born, line.bornAt, line.position, line.moves, line.untested = line.version, now, line.last, now, 0
                    line.minute, line.taken, line.quiet = now, 0, 0
                end
                stop()
            else
                if told.recent > 0 and line.plateau == 0 then
                    if now - line.bornAt < young then line.joined = math.min(1000000, line.joined + told.recent) else line.joined = told.recent end
                    line.bornAt = now
                elseif told.recent > 0 and told.version < line.born and now - line.bornAt < young then
                    line.plateau = math.min(1000000, line.plateau + told.recent)
                end
                if told.changed == 1 and told.plateau > 0 and line.plateau > 0 then line.moves = math.max(line.moves, ends) end
            end
        end

        local function keep(line)
            if line.plateau > 0 and now - line.minute >= 60000000 then
                if line.taken < 0.5 * rate(line) * (now - line.minute) / 1000000 then
                    line.quiet = line.quiet + math.min(5, math.floor((now - line.minute) / 60000000))
                else
                    line.quiet = 0
                end
                line.minute, line.taken = now, 0
                if line.quiet >= 5 then line.version, line.plateau, line.joined = line.version + 1, 0, 0 end
            end
            local values = {}
            for i = 1, #names do values[i] = string.format('%.17g', line[names[i]]) end
            redis.call('SET', line.key, table.concat(values, ' '), 'PX', '660000')
        end

        local function millionths(x) return text(math.floor(x * 1000000 + 0.5)) end

        local at = 2
        local function number() at = at + 1 return tonumber(ARGV[at]) end
        local limits = {}
        for i = 1, tonumber(ARGV[2]) do
            local calls, span, tokens, long, priority, after, taken, spent, known = number(), number(), number(), number(), number(), number(), number(), number(), number()
            local limit = { priority = priority, after = after, cost = 1 }
            local paced = number()
            local told = { version = number(), changed = number(), recent = number() / 1000000, plateau = number() / 1000000, cut = number() / 1000000, along = number() / 1000000, back = number() / 1000000,
                confirmed = number(), firsts = number(), unstated = number(), pause = number(), rejected = number(), phase = number(), top = number() / 1000000,
                low = number() / 1000000, share = number() / 1000000, failed = number(), again = number(), calls = number(), met = number() }
            if paced == 1 then
                limit.line = load(KEYS[3 * i])
                grow(limit.line)
                hear(limit.line, told)
                if told.phase == limit.line.phase and told.top == limit.line.top then limit.line.rejected = math.min(highest.rejected, limit.line.rejected + told.rejected) end
                take(limit.line, math.min(taken, 1000))
            end
            if calls > 0 then limit.calls = open(KEYS[3 * i - 2], calls, span, taken, known) end
            if limit.calls and not limit.calls.lost then known = 0 end
            if tokens > 0 then limit.tokens = open(KEYS[3 * i - 1], tokens, long, spent, known) end
            limits[i] = limit
        end

        local function next(limit, calls, cost)
            local soonest = now
            if limit.line then soonest = due(limit.line) end
            if limit.calls then soonest = math.max(soonest, start(limit.calls, calls)) end
            if limit.tokens and cost > 0 then soonest = math.max(soonest, start(limit.tokens, cost)) end
            return soonest
        end

        local function left(ring, cost)
            if not ring then return true end
            local rest = math.max(1, math.floor(ring.limit / 4))
            return cost + rest <= ring.limit and start(ring, cost + rest) <= now
        end

        local function idle(line)
            return not line or line.plateau == 0 or (line.moves <= now and line.position - line.last >= math.max(1, rate(line) / 4))
        end

        local permits = {}
        while at < #ARGV do
            local count, tokens, within, hold, ahead, choices = number(), number(), number(), number(), number(), number()
            local places, starts, granted = {}, {}, {}
            local function look(i)
                local limit = limits[places[i]]
                starts[i] = math.max(now + limit.after, next(limit, 1, tokens))
                if ahead == 1 and not (idle(limit.line) and left(limit.calls, 1) and left(limit.tokens, tokens)) then starts[i] = most end
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
                permits[#permits + 1] = limit.line and millionths(pass(limit.line, ahead)) or '0'
                look(best)
            end
        end

        local reply = { text(now) }
        for i = 1, #limits do
            local limit = limits[i]
            local counted = limit.calls or limit.tokens
            reply[#reply + 1] = text(next(limit, 1, limit.cost) - now)
            local line = limit.line
            reply[#reply + 1] = text(line and line.total or counted and counted.total or 0)
            reply[#reply + 1] = counted and counted.lost and '1' or '0'
            if line then
                keep(line)
                local paced = line.plateau > 0
                for _, x in ipairs({ '1', text(line.version), millionths(paced and rate(line) or 0), millionths(line.plateau), millionths(line.cut), millionths(line.along), millionths(line.back), text(line.confirmed),
                    text(line.firsts), text(line.unstated), text(paced and line.moves - now or 0), millionths(line.position), text(line.phase), millionths(line.top), millionths(line.low), millionths(line.share), text(line.failed), text(math.max(0, line.again - now)), text(line.calls), text(line.rejected) }) do reply[#reply + 1] = x end
            else
                for _ = 1, 20 do reply[#reply + 1] = '0' end
            end
            if limit.calls then close(limit.calls) end
            if limit.tokens then close(limit.tokens) end
        end
        for i = 1, #permits do reply[#reply + 1] = permits[i] end
        redis.call('DEL', lock)
        return reply
        """;
}
