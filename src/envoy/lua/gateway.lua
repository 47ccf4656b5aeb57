-- The one script of the data path. It runs in three roles, told apart by the context of the filter:
--   listener  (connection manager): reads model and shape of a request once, chooses the order of backends, and at the
--             end of the stream turns token counts into costs
--   quota     (connection manager, behind the rate limit filter; only where backends have quotas): leaves out the backends
--             that have no room
--   backend   (upstream filter of a provider's cluster, so once per attempt): makes the request that provider's own:
--             credentials of others away, path, host, model, header and body mutations
-- All filters use the same text and the same shared_vm_id, so a worker has one VM: what one attempt learns (a cooldown)
-- the next request of that worker knows. Facts about routes and backends come as metadata and are kept by their version.
-- A script error would let a request pass unchanged, so both roles fail closed.

-- Only the scanner is worth compiling: around every call into Envoy a trace ends, which costs more than interpreting.
local jit = require('jit')
jit.off(true, true)

local ffi = require('ffi')
local find, sub, gsub, byte, lower, match, gmatch = string.find, string.sub, string.gsub, string.byte, string.lower, string.match, string.gmatch
local concat, floor, random = table.concat, math.floor, math.random
local band, bor, bxor, bnot, rshift, tobit = bit.band, bit.bor, bit.bxor, bit.bnot, bit.rshift, bit.tobit
local cast, bytes_t, eight_bytes_t = ffi.cast, ffi.typeof('const uint8_t*'), ffi.typeof('const uint64_t*')

local NS = 'headgate'
local COST_NS = 'io.envoy.ai_gateway'
local ORDER_NS = 'headgate.order'
local CREDENTIALS_NS = 'headgate.credentials' -- apart, so that no log of the rest shows them
local TRANSLATED_NS = 'headgate.translated' -- what the processor says of a translated request
local ORIGINALS_NS = 'headgate.originals' -- headers of the client that an attempt may change
local LIMITS_NS = 'headgate.limits' -- what the rate limits of a route look at
local RATE_LIMIT_NS = 'envoy.filters.http.ratelimit' -- what the rate limit service answered
local MAX_DEPTH = 512
local MAX_COOLDOWN_MS = 300000
local MAX_ANSWER_BYTES = 33554432
local MAX_EVENT_BYTES = 1048576
local MAX_TOKENS = 1e9

math.randomseed((os.time() * 1000 + tonumber(match(tostring({}), '0x(%x+)') or '0', 16)) % 2147483647)

-- ---------------------------------------------------------------------------------------------------------- JSON

local stack = ffi.new('uint8_t[?]', MAX_DEPTH + 2)

local function is_hex(c)
  return (c >= 48 and c <= 57) or (c >= 97 and c <= 102) or (c >= 65 and c <= 70)
end

local QUOTES, BACKSLASHES, BLANKS = 0x2222222222222222ULL, 0x5c5c5c5c5c5c5c5cULL, 0x2020202020202020ULL
local ONES, HIGH_BITS, PLACES = 0x0101010101010101ULL, 0x8080808080808080ULL, 0x0001020304050607ULL

-- Marks the first of eight bytes that is a quote, a backslash or a control character by its highest bit. A byte of `y` is zero
-- where (y - 1) and not y have that bit; above the first one that may err.
local function marked(buf, p)
  local x = cast(eight_bytes_t, buf + p)[0]
  local quote, backslash = bxor(x, QUOTES), bxor(x, BACKSLASHES)
  local found = bor(band(x - BLANKS, bnot(x)), band(quote - ONES, bnot(quote)), band(backslash - ONES, bnot(backslash)))
  return band(found, HIGH_BITS)
end

-- Number of the first byte that is marked: the lowest bit, moved to bit 0 of its byte, multiplies that byte's number into the
-- highest one.
local function first_marked(found)
  return tobit(rshift(rshift(band(found, -found), 7) * PLACES, 56))
end

-- Passes over plain text by eight bytes: position of the eight in which something else stands, or where less than eight are left.
local function skip_plain(buf, p, n)
  while p + 8 <= n and marked(buf, p) == 0 do p = p + 8 end
  return p
end

-- Position behind the plain text at p; where the end of all is near, maybe in the middle of it.
local function skip_text(buf, p, n)
  if p + 8 > n then return p end
  local found = marked(buf, p)
  if found ~= 0 then return p + first_marked(found) end
  if p + 32 > n then return p + 8 end
  found = marked(buf, p + 8)
  if found ~= 0 then return p + 8 + first_marked(found) end
  found = marked(buf, p + 16)
  if found ~= 0 then return p + 16 + first_marked(found) end
  found = marked(buf, p + 24)
  if found ~= 0 then return p + 24 + first_marked(found) end
  return skip_plain(buf, p + 32, n)
end

-- Position behind the escape that begins at p (0-based), or -1.
local function skip_escape(buf, p, n)
  local c = p + 1 < n and buf[p + 1] or 0
  if c == 117 then
    if p + 5 >= n then return -1 end
    if is_hex(buf[p + 2]) and is_hex(buf[p + 3]) and is_hex(buf[p + 4]) and is_hex(buf[p + 5]) then return p + 6 end
  elseif c == 34 or c == 92 or c == 47 or c == 98 or c == 102 or c == 110 or c == 114 or c == 116 then
    return p + 2
  end
  return -1
end

-- Position behind an escape, the text that follows it, and so on; or -1.
local function skip_escapes(buf, p, n)
  while p < n and buf[p] == 92 do
    p = skip_escape(buf, p, n)
    if p < 0 then return p end
    if p < n and buf[p] ~= 92 then p = skip_text(buf, p, n) end
  end
  return p
end

local function skip_digits(buf, p, n)
  local start = p
  while p < n and buf[p] >= 48 and buf[p] <= 57 do p = p + 1 end
  return p > start and p or -1
end

-- Position behind the number that starts at p, or -1.
local function skip_number(buf, p, n)
  if buf[p] == 45 then p = p + 1 end
  if p >= n then return -1 end
  if buf[p] == 48 then p = p + 1 else p = skip_digits(buf, p, n) end
  if p < 0 then return -1 end
  if p < n and buf[p] == 46 then
    p = skip_digits(buf, p + 1, n)
    if p < 0 then return -1 end
  end
  if p < n and (buf[p] == 101 or buf[p] == 69) then
    p = p + 1
    if p < n and (buf[p] == 43 or buf[p] == 45) then p = p + 1 end
    p = skip_digits(buf, p, n)
  end
  return p
end

local LITERALS = { [116] = 'true', [102] = 'false', [110] = 'null' }

-- States: what may come next. In a string: a value, or a key.
local VALUE, FIRST_KEY, KEY, COLON, AFTER, FIRST_ITEM, IN_VALUE, IN_KEY = 0, 1, 2, 3, 4, 5, 6, 7

-- What stands between two strings that are values of one depth, such as `,"content":"` or `},{"role":"`, mostly stands there
-- again and again. It means the same each time where depth and brackets around are the same and the top level is not met, so
-- it is compared with the time before and not read. [0]: within one object or array; [1]: from one to the next one beside it.
local LEAST_BETWEEN, MOST_BETWEEN = 8, 32
local between_at, between_size, between_depth = ffi.new('int32_t[2]'), ffi.new('int32_t[2]'), ffi.new('int32_t[2]')
local between_inner, between_outer = ffi.new('uint8_t[2]'), ffi.new('uint8_t[2]')

local function same_eight(buf, p, q)
  return cast(eight_bytes_t, buf + p)[0] == cast(eight_bytes_t, buf + q)[0]
end

-- How many bytes at p are what stood between two strings before; 0 where it is something else.
local function skip_between(buf, p, n, kind, depth)
  local size, q = between_size[kind], between_at[kind]
  if p + size > n or depth ~= between_depth[kind] or stack[depth] ~= between_inner[kind] or stack[depth - 1] ~= between_outer[kind] then
    return 0
  end
  if not same_eight(buf, p, q) or not same_eight(buf, p + size - 8, q + size - 8) then return 0 end
  if size > 16 and not same_eight(buf, p + 8, q + 8) or size > 24 and not same_eight(buf, p + 16, q + 16) then return 0 end
  return size
end

-- One strict pass over a JSON object. Returns a list of {key, key start, value start, value end} of its top level
-- (1-based, inclusive) and the position of the closing brace, or nil and what is wrong. With `from` the object opens
-- there and other text may follow it.
-- It is one loop with only long ones in it, since LuaJIT compiles loops of few turns badly, and beginning a turn costs more than
-- a turn: it takes a string up to its end, an escape or the 32nd byte, or one character or token of what stands around.
local function scan_object(s, from)
  local n = #s
  local buf = cast(bytes_t, s)
  local p, state, depth = from and from - 1 or 0, VALUE, 0
  local members, key, key_start, value_start = {}, nil, 0, 0
  -- Where the last string that is a value ended, with its depth and bracket, and the least depth since.
  local closed, closed_depth, closed_inner, least_depth = 0, 0, 0, 0
  between_depth[0], between_depth[1] = 0, 0
  while p < n do
    local c = buf[p]
    if state >= IN_VALUE then
      if c == 34 then
        p = p + 1
        if state == IN_KEY then
          if depth == 1 then key = sub(s, key_start + 1, p - 1) end
          state = COLON
        elseif depth == 1 then
          members[#members + 1] = { key, key_start, value_start, p }
          state = AFTER
        else
          local size = skip_between(buf, p, n, 0, depth)
          if size == 0 then size = skip_between(buf, p, n, 1, depth) end
          if size == 0 then
            state, closed, closed_depth, closed_inner, least_depth = AFTER, p, depth, stack[depth], depth
          else
            p = skip_text(buf, p + size, n)
          end
        end
      elseif c == 92 then
        p = skip_escapes(buf, p, n)
        if p < 0 then return nil, 'a string is not valid' end
      elseif c < 32 then
        return nil, 'a string is not valid'
      else
        p = skip_text(buf, p + 1, n)
      end
    else
      if c == 32 or c == 10 or c == 13 or c == 9 then
        p = p + 1
      elseif state == AFTER then
        if c == 44 then
          state = stack[depth] == 123 and KEY or VALUE
          p = p + 1
        elseif (c == 125 and stack[depth] == 123) or (c == 93 and stack[depth] == 91) then
          depth = depth - 1
          if depth < least_depth then least_depth = depth end
          p = p + 1
          if depth == 0 then
            for q = p, from and 0 or n - 1 do
              local rest = buf[q]
              if rest ~= 32 and rest ~= 10 and rest ~= 13 and rest ~= 9 then return nil, 'text follows the JSON object' end
            end
            return members, p
          end
          if depth == 1 then members[#members + 1] = { key, key_start, value_start, p } end
        else
          return nil, 'expected a comma or a closing bracket'
        end
      elseif state == COLON then
        if c ~= 58 then return nil, 'expected a colon' end
        state = VALUE
        p = p + 1
      elseif (state == KEY or state == FIRST_KEY) and c == 34 then
        if depth == 1 then key_start = p + 1 end
        p = skip_text(buf, p + 1, n)
        state = IN_KEY
        if p + 1 < n and depth > 1 and buf[p] == 34 and buf[p + 1] == 58 then
          p, state = p + 2, VALUE
        end
      elseif (state == FIRST_KEY and c == 125) or (state == FIRST_ITEM and c == 93) then
        state = AFTER -- the closing bracket is read again as the end of an empty container
      elseif state == VALUE or state == FIRST_ITEM then
        if depth == 0 and c ~= 123 then return nil, 'expected a JSON object' end
        if depth == 1 then value_start = p + 1 end
        if c == 34 then
          p = p + 1
          state = IN_VALUE
          local size, kind = p - closed, depth - least_depth
          if depth == closed_depth and stack[depth] == closed_inner and least_depth > 1 and kind < 2
            and size >= LEAST_BETWEEN and size <= MOST_BETWEEN then
            between_at[kind], between_size[kind], between_depth[kind] = closed, size, depth
            between_inner[kind], between_outer[kind] = closed_inner, stack[depth - 1]
          end
          p = skip_text(buf, p, n)
        elseif c == 123 or c == 91 then
          depth = depth + 1
          if depth > MAX_DEPTH then return nil, 'nested too deeply' end
          stack[depth] = c
          state = c == 123 and FIRST_KEY or FIRST_ITEM
          p = p + 1
        else
          local e
          if c == 45 or (c >= 48 and c <= 57) then
            e = skip_number(buf, p, n)
          else
            local word = LITERALS[c]
            e = word and sub(s, p + 1, p + #word) == word and p + #word or -1
          end
          if e < 0 then return nil, 'a value is not valid' end
          if depth == 1 then members[#members + 1] = { key, key_start, value_start, e } end
          state = AFTER
          p = e
        end
      else
        return nil, 'a key is not a string'
      end
    end
  end
  return nil, n == 0 and 'the body is empty' or state >= IN_VALUE and 'a string is not valid' or 'the JSON text ends too early'
end

local SCANNER = { is_hex, marked, first_marked, skip_plain, skip_text, skip_escape, skip_escapes, skip_digits, skip_number, same_eight, skip_between, scan_object }
local scans = 0

-- LuaJIT gives up for good on a loop that it failed to compile a few times, as may happen with odd bodies, and the scanner
-- would be ten times slower from then on. A new permission makes it try again. What was compiled for bodies of one kind serves
-- another kind somewhat worse, so all of it is made anew now and then; that takes as long as hundreds of small bodies.
local function allow_compiling()
  if scans % 8192 == 0 then jit.flush() end
  if scans % 1024 == 0 then
    for i = 1, #SCANNER do jit.on(SCANNER[i]) end
  end
  scans = scans + 1
end

local ESCAPES = { b = '\b', f = '\f', n = '\n', r = '\r', t = '\t', ['"'] = '"', ['\\'] = '\\', ['/'] = '/' }

local function utf8(code)
  if code < 0x80 then return string.char(code) end
  if code < 0x800 then return string.char(0xC0 + floor(code / 64), 0x80 + code % 64) end
  if code < 0x10000 then
    return string.char(0xE0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
  end
  return string.char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
end

-- The text that a JSON string (without its quotes) stands for; the scanner has seen that its escapes are whole.
local function unescape(text)
  local at = find(text, '\\', 1, true)
  if not at then return text end
  local parts, from = {}, 1
  while at do
    parts[#parts + 1] = sub(text, from, at - 1)
    local c = sub(text, at + 1, at + 1)
    from = at + 2
    if c == 'u' then
      local code = tonumber(sub(text, from, from + 3), 16)
      from = from + 4
      local low = code >= 0xD800 and code < 0xDC00 and match(text, '^\\u([dD][c-fC-F]%x%x)', from)
      if low then
        code = 0x10000 + (code - 0xD800) * 1024 + tonumber(low, 16) - 0xDC00
        from = from + 6
      end
      parts[#parts + 1] = utf8(code)
    else
      parts[#parts + 1] = ESCAPES[c]
    end
    at = find(text, '\\', from, true)
  end
  parts[#parts + 1] = sub(text, from)
  return concat(parts)
end

-- Value of the JSON text at a position (1-based), and the position behind it; of text that is known to be valid JSON
-- without blanks.
local function decode(s, p)
  local c = byte(s, p)
  if c == 123 or c == 91 then
    local value, key = {}, nil
    p = p + 1
    while byte(s, p) ~= 125 and byte(s, p) ~= 93 do
      if byte(s, p) == 44 then p = p + 1 end
      if c == 123 then key, p = decode(s, p) else key, p = #value + 1, p - 1 end
      value[key], p = decode(s, p + 1)
    end
    return value, p + 1
  elseif c == 34 then
    local e = find(s, '["\\]', p + 1)
    while byte(s, e) == 92 do e = find(s, '["\\]', e + 2) end
    return unescape(sub(s, p + 1, e - 1)), e + 1
  end
  local word = match(s, '^[^,%]}]+', p)
  if LITERALS[c] then return c == 116, p + #word end
  return tonumber(word), p + #word
end

local QUOTED = {}
for code = 0, 31 do QUOTED[string.char(code)] = string.format('\\u%04x', code) end
QUOTED['"'], QUOTED['\\'] = '\\"', '\\\\'

local function quote(text)
  return '"' .. gsub(text, '[%c"\\]', QUOTED) .. '"'
end

-- ------------------------------------------------------------------------------------------------- facts by version

-- Facts never change under one version, so they are read once a worker. They come as JSON text: Envoy copies the whole
-- filter context for each request, and a text is copied much faster than a Struct.
local known, known_count = {}, 0

local function load_costs(costs)
  for i = 1, costs and #costs or 0 do
    local cost = costs[i]
    if cost.lua then cost.compute = assert(loadstring(cost.lua, cost.key))() end
  end
end

-- The costs of a route that its limits charge, with the key under which what is known of them is noted; or nil.
local function charged_costs(facts)
  local keys = facts.limits.charged
  if not keys then return nil end
  local charged = {}
  for i = 1, #keys do
    for j = 1, #facts.costs do
      local cost = facts.costs[j]
      if cost.key == keys[i] then
        charged[#charged + 1] = { key = 'known/' .. cost.key, count = cost.count, compute = cost.compute }
      end
    end
  end
  return charged
end

local function facts_of(map)
  local version = map:get('version')
  if not version then return nil end
  local facts = known[version]
  if facts then return facts end
  if known_count >= 4096 then known, known_count = {}, 0 end
  facts = decode(map:get('facts'), 1)
  facts.version = version
  load_costs(facts.costs)
  if facts.limits then
    load_costs(facts.limits.reserves)
    for _, quotas in pairs(facts.limits.quotas or {}) do
      load_costs(quotas)
      for i = 1, #quotas do load_costs({ quotas[i].reserve }) end
    end
    facts.limits.charged = charged_costs(facts)
  end
  known[version] = facts
  known_count = known_count + 1
  return facts
end

-- ------------------------------------------------------------------------------------------------------------ errors

local OPENAI_TYPES = { ['401'] = 'authentication_error', ['429'] = 'rate_limit_error' }
local ANTHROPIC_TYPES = { ['401'] = 'authentication_error', ['403'] = 'permission_error', ['404'] = 'not_found_error',
  ['429'] = 'rate_limit_error', ['503'] = 'overloaded_error' }

-- An error in the shape of the API that the client speaks.
local function error_body(api, status, code, message)
  local is_servers = byte(status) == 53
  if api == 'anthropic' then
    return '{"type":"error","error":{"type":"' .. (ANTHROPIC_TYPES[status]
      or is_servers and 'api_error' or 'invalid_request_error') .. '","message":' .. quote(message) .. '}}'
  end
  return '{"error":{"message":' .. quote(message) .. ',"type":"' .. (OPENAI_TYPES[status]
    or is_servers and 'server_error' or 'invalid_request_error') .. '","param":null,"code":' .. quote(code) .. '}}'
end

local function refuse(handle, api, status, code, message, retry_after)
  handle:respond({ [':status'] = status, ['content-type'] = 'application/json', ['retry-after'] = retry_after },
    error_body(api, status, code, message))
end

-- ------------------------------------------------------------------------------------------------- what a request asks

-- What bounds the length of an answer.
local SIZES = { max_tokens = 'max_output', max_completion_tokens = 'max_output', max_output_tokens = 'max_output', n = 'answers', best_of = 'answers' }

-- Model and shape of a JSON body: {model, model_start, model_end, close, stream, ...}, or nil and what is wrong.
local function read_json(s)
  allow_compiling()
  local members, close = scan_object(s)
  if not members then return nil, 'The request body is not valid JSON: ' .. close .. '.' end
  local seen = {}
  local asked = { close = close }
  for i = 1, #members do
    local m = members[i]
    local key = unescape(m[1])
    if seen[key] then return nil, 'The request body has the key ' .. quote(key) .. ' twice.' end
    seen[key] = true
    if key == 'model' then
      if byte(s, m[3]) ~= 34 then return nil, 'The value of "model" must be a string.' end
      asked.model = unescape(sub(s, m[3] + 1, m[4] - 1))
      asked.model_start, asked.model_end = m[3], m[4]
    elseif key == 'stream' then
      asked.stream = sub(s, m[3], m[4]) == 'true'
    elseif key == 'stream_options' then
      asked.options_start, asked.options_end = m[3], m[4]
    elseif SIZES[key] then
      asked[SIZES[key]] = tonumber(match(sub(s, m[3], m[4]), '^%d+$'))
    end
  end
  return asked
end

-- Parameters of a header such as `form-data; name="model"` by lower-case name, or nil where it is not well-formed.
local function read_parameters(text)
  local found = {}
  local p = find(text, ';', 1, true)
  while p and not find(text, '^%s*$', p + 1) do
    local _, e, name = find(text, '^%s*([^%s;="]+)%s*=%s*', p + 1)
    if not name then return nil end
    name = lower(name)
    if found[name] then return nil end
    local value = match(text, '^[^%s;"]+', e + 1)
    if value then
      e = e + #value
    elseif byte(text, e + 1) == 34 then
      local q = e + 2
      repeat
        q = find(text, '["\\]', q)
        if not q then return nil end
        local closes = byte(text, q) == 34
        q = closes and q or q + 2
      until closes
      value = gsub(sub(text, e + 2, q - 1), '\\(.)', '%1')
      e = q
    else
      return nil
    end
    found[name] = value
    p = find(text, '%S', e + 1)
    if p and byte(text, p) ~= 59 then return nil end
  end
  return found
end

-- First and last position of the next delimiter of a form and whether it is the last one, or nil. Servers disagree about
-- bare line feeds around a delimiter, so a form that has such a thing is read by nobody.
local function next_delimiter(s, mark, from)
  while true do
    local a, e = find(s, mark, from, true)
    if not a then return nil end
    local before = a == 1 and '\r\n' or sub(s, a - 2, a - 1)
    local last = sub(s, e + 1, e + 2) == '--'
    if byte(before, 2) == 10 and (last or find(s, '^[ \t]*\r?\n', e + 1)) then
      if before ~= '\r\n' or not (last or find(s, '^[ \t]*\r\n', e + 1)) then return nil end
      return a, e, last
    end
    from = e + 1
  end
end

-- Name of the field that the head of a form's part describes, or nil where it does not say it plainly.
local function field_name(head)
  local fields
  for line in gmatch(head, '[^\r\n]+') do
    local name, value = match(line, '^([^:%s]+):(.*)$')
    if not name then return nil end
    if lower(name) == 'content-disposition' then
      if fields then return nil end
      fields = read_parameters(value)
      if not fields or fields['name*'] then return nil end
    end
  end
  return fields and fields.name
end

-- Model of a multipart form, in the shape of read_json.
local function read_multipart(s, content_type)
  local types = read_parameters(content_type)
  local boundary = types and types.boundary
  if not boundary or boundary == '' then return nil, 'The content-type has no boundary.' end
  local mark = '--' .. boundary
  local asked = { multipart = true, close = 0 }
  local _, at, last = next_delimiter(s, mark, 1)
  while at and not last do
    local head_end, body_start = find(s, '\r\n\r\n', at + 1, true)
    local next_start, next_end, next_last = next_delimiter(s, mark, at + 1)
    if not head_end or not next_start or body_start >= next_start then break end
    local name = field_name(sub(s, at + 1, head_end))
    if not name then return nil, 'A part of the form does not say its name.' end
    if name == 'model' then
      if asked.model then return nil, 'The form has the field "model" twice.' end
      asked.model = sub(s, body_start + 1, next_start - 3)
      asked.model_start, asked.model_end = body_start + 1, next_start - 3
    end
    at, last = next_end, next_last
  end
  if last then return asked end
  return nil, 'The multipart form is not complete.'
end

-- What stream_options must be so that a stream reports its usage, keeping all else that the client asked for; an empty
-- text when it asks for usage already.
local function usage_options(options)
  local members = options and scan_object(options)
  local parts = { '"include_usage":true' }
  for i = 1, members and #members or 0 do
    local m = members[i]
    if unescape(m[1]) ~= 'include_usage' then
      parts[#parts + 1] = sub(options, m[2], m[4])
    elseif sub(options, m[3], m[4]) == 'true' then
      return ''
    end
  end
  return '{' .. concat(parts, ',') .. '}'
end

-- What the listener learnt about a request, for the attempts: one text in the metadata, since a table there costs more
-- than all the rest. No field can hold the separator: models with control characters are refused.
local NOTE = '^([^\31]*)\31(%d+)\31([^\31]*)\31([^\31]*)\31([^\31]*)\31(%d+)\31(%d+)\31(%d+)\31(%a*)$'
local NOTE_START = '^([^\31]*)\31(%d+)'

-- Query parameters that no provider gets from a client: credentials, and the version of the API that is the provider's.
local KEPT_BACK = {}
for name in gmatch('key apikey api_key api-key x-api-key access_token id_token refresh_token client_secret token ' ..
    'subscription-key x-amz-credential x-amz-signature x-amz-security-token api-version', '%S+') do
  KEPT_BACK[name] = true
end

local function unescape_byte(code)
  return string.char(tonumber(code, 16))
end

local function public_query(query)
  if query == '' then return query end
  local parts = {}
  for part in gmatch(sub(query, 2), '[^&]+') do
    local name = lower((gsub(match(part, '^[^=]*'), '%%(%x%x)', unescape_byte)))
    if not KEPT_BACK[name] then parts[#parts + 1] = part end
  end
  return #parts > 0 and '?' .. concat(parts, '&') or ''
end

local function url_encode(text)
  return (gsub(text, '[^%w%-%._~]', function(c) return string.format('%%%02X', byte(c)) end))
end

local function url_decode(text)
  return (gsub(text, '%%(%x%x)', function(hex) return string.char(tonumber(hex, 16)) end))
end

-- Flags: m for a form, s for a stream, u where the script itself asked for the usage of a stream.
local function write_note(route, endpoint, asked, query, model, now)
  return concat({ route.version, tostring(now), model, endpoint, query, tostring(asked.model_start), tostring(asked.model_end),
    tostring(asked.size), (asked.multipart and 'm' or '') .. (asked.stream and 's' or '') .. (asked.forced and 'u' or '') }, '\31')
end

local function read_note(text)
  local route, started, model, endpoint, query, model_start, model_end, size, flags = match(text, NOTE)
  return { route = route, started = tonumber(started), model = model, endpoint = endpoint, query = query,
    model_start = tonumber(model_start), model_end = tonumber(model_end), size = size, flags = flags }
end

-- ------------------------------------------------------------------------------------------------------ order of backends

-- Cluster name -> end of its cooldown in ms: set when a provider answers 429 with Retry-After.
local cooling = {}

local function now_ms(handle)
  return tonumber(handle:timestamp(EnvoyTimestampResolution.MILLISECOND))
end

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12 }

-- Seconds since 1970 of a date in UTC; os.time would take it for local time.
local function utc_seconds(year, month, day, hour, minute, second)
  if month <= 2 then year = year - 1 end
  local era = floor(year / 400)
  local year_of_era = year - era * 400
  local day_of_year = floor((153 * (month + (month > 2 and -3 or 9)) + 2) / 5) + day - 1
  local days = era * 146097 + year_of_era * 365 + floor(year_of_era / 4) - floor(year_of_era / 100) + day_of_year - 719468
  return days * 86400 + hour * 3600 + minute * 60 + second
end

-- How long a provider asks to be left alone, in ms: Retry-After as seconds or date, or retry-after-ms; nil when it does not.
local function retry_after_ms(headers, now)
  local ms = tonumber(headers:get('retry-after-ms') or '')
  local text = headers:get('retry-after')
  if not ms and text then
    local seconds = tonumber(text)
    local day, month, year, hour, minute, second = match(text, '(%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT')
    if seconds then
      ms = seconds * 1000
    elseif day and MONTHS[month] then
      ms = utc_seconds(tonumber(year), MONTHS[month], tonumber(day), hour, minute, second) * 1000 - now
    end
  end
  if ms and ms > 0 then return math.min(ms, MAX_COOLDOWN_MS) end
end

-- A weighted draw without replacement, in place: the first of what remains is drawn again and again.
local function shuffle(refs)
  local total = 0
  for i = 1, #refs do total = total + refs[i].weight end
  for i = 1, #refs - 1 do
    local x = random() * total
    local j = i
    while j < #refs do
      x = x - refs[j].weight
      if x < 0 then break end
      j = j + 1
    end
    refs[i], refs[j] = refs[j], refs[i]
    total = total - refs[i].weight
  end
end

-- Why a backend should come last for this request or not at all, or nil.
local function drawback(ref, now, credentials, metadata, full)
  if full and full[ref.cluster] then return 'no-quota' end
  local has = not ref.needs and not ref.needs_metadata or ref.needs and credentials and credentials[ref.needs]
  if not has and ref.needs_metadata then
    local values = metadata:get(ref.needs_metadata.namespace)
    has = values and values[ref.needs_metadata.key]
  end
  if not has then return 'no-credential' end
  local till = cooling[ref.cluster]
  if till then
    if till > now then return 'cooling' end
    cooling[ref.cluster] = nil
  end
end

-- The priority groups of a request in the order to try them, or nil where the compiled order will do, and the backends
-- that were put last with the reason. One that lacks a credential would end the request with 401, so it is left out unless
-- all do. One without room in its quota (`full`, by cluster) is left out in any case; the third value is true when none is
-- left for that.
local function choose_order(route, now, credentials, metadata, full)
  if not route.drawn and not next(cooling) and not route.needs and not full then return nil end
  local order, last, unable, spent, why = {}, {}, {}, {}, {}
  for g = 1, #route.groups do
    local refs = {}
    for i = 1, #route.groups[g] do refs[i] = route.groups[g][i] end
    if #refs > 1 then shuffle(refs) end
    for i = 1, #refs do
      local reason = drawback(refs[i], now, credentials, metadata, full)
      if reason then
        local place = reason == 'cooling' and last or reason == 'no-quota' and spent or unable
        place[#place + 1] = refs[i].cluster
        why[#why + 1] = refs[i].backend .. '=' .. reason
      else
        order[#order + 1] = refs[i].cluster
      end
    end
  end
  if not route.drawn and #why == 0 then return nil end
  for i = 1, #last do order[#order + 1] = last[i] end
  if #order == 0 and #spent > 0 then return nil, concat(why, ','), true end
  if #order == 0 then order = unable end
  local groups = {}
  for i = 1, #order do
    -- A group without a name is not taken.
    local group = { name = order[i], clusters = { { cluster_name = order[i], weight = 1 } } }
    for _ = 1, route.attempts_per_backend or 1 do groups[#groups + 1] = group end
  end
  return groups, concat(why, ',')
end

-- ------------------------------------------------------------------------------------------------------- pools of keys

-- Name of a backend -> end of the rest of each of its keys in ms, and whose turn it is.
local resting, turns = {}, {}
-- Where the provider does not say for how long: after a refusal, and after a limit.
local REFUSED_REST_MS, LIMITED_REST_MS = 60000, 10000

-- How a request notes that it has used a key of a backend.
local function key_note(name, key)
  return name .. '=' .. key .. ';'
end

-- The key to use: each in its turn, without those that rest or that the request has used; of these the one that is back
-- first where there is no other.
local function choose_key(name, size, now, used)
  local rest = resting[name] or {}
  local first = turns[name] or random(size)
  local best
  for i = 0, size - 1 do
    local key = (first + i - 1) % size + 1
    local ends = rest[key] or 0
    if ends <= now and not find(used, key_note(name, key), 1, true) then
      best = key
      break
    end
    if not best or ends < (rest[best] or 0) then best = key end
  end
  turns[name] = best % size + 1
  return best
end

-- Lets a key rest. When the first one is back where all rest now, else nil.
local function rest_key(name, size, key, till, now)
  local rest = resting[name] or {}
  resting[name] = rest
  rest[key] = till
  local first
  for i = 1, size do
    if not rest[i] or rest[i] <= now then return nil end
    first = math.min(first or rest[i], rest[i])
  end
  return first
end

-- Puts the cluster of this attempt next in the order, before any other one.
local function repeat_cluster(route, metadata, cluster, tried)
  if not route.groups then return end
  local order = metadata:get(ORDER_NS)
  local groups = {}
  if order then
    groups = order.priority_groups
  else
    for g = 1, #route.groups do
      for i = 1, #route.groups[g] do
        local name = route.groups[g][i].cluster
        for _ = 1, route.attempts_per_backend or 1 do
          groups[#groups + 1] = { name = name, clusters = { { cluster_name = name, weight = 1 } } }
        end
      end
    end
  end
  -- Those that were put last by the order, for whatever reason, have not been attempts.
  local attempts = 0
  for what in gmatch(tried, '=([^,]*)') do
    if find(what, '^%d+$') or what == 'no-answer' or what == 'no-endpoint' then attempts = attempts + 1 end
  end
  table.insert(groups, math.min(attempts, #groups) + 1,
    { name = cluster, clusters = { { cluster_name = cluster, weight = 1 } } })
  metadata:set(ORDER_NS, 'priority_groups', groups)
end

-- ------------------------------------------------------------------------------------------------------- token usage

-- Where the counts of an answer stand: the same names for every API (OpenAI chat, responses, Anthropic, Cohere).
local COUNTS = {
  prompt_tokens = 'input', input_tokens = 'input', completion_tokens = 'output', output_tokens = 'output',
  total_tokens = 'total', cache_read_input_tokens = 'cache_read', cache_creation_input_tokens = 'cache_creation',
}
local DETAILS = {
  prompt_tokens_details = true, input_tokens_details = true, completion_tokens_details = true, output_tokens_details = true,
}
local DETAIL_COUNTS = { cached_tokens = 'cached', cache_write_tokens = 'cache_write', reasoning_tokens = 'reasoning' }

local function count(s, member)
  return tonumber(match(sub(s, member[3], member[4]), '^%d+$'))
end

-- Reads the usage object that opens at a position; false where there is none.
local function read_usage(s, from, usage)
  local members = scan_object(s, from)
  if not members then return false end
  for i = 1, #members do
    local m = members[i]
    local name = COUNTS[m[1]]
    if name then
      usage[name] = count(s, m) or usage[name]
    elseif DETAILS[m[1]] then
      local details = scan_object(s, m[3])
      for j = 1, details and #details or 0 do
        local detail = DETAIL_COUNTS[details[j][1]]
        if detail then usage[detail] = count(s, details[j]) or usage[detail] end
      end
    end
  end
  usage.found = true
  return true
end

-- Where usage stands inside an answer or an event, other than at its top.
local HOLDERS = { message = true, response = true, meta = true }

-- Reads an answer or event by its structure.
local function scan_answer(s, usage, from)
  local members = scan_object(s, from)
  local billed, tokens
  for i = 1, members and #members or 0 do
    local m = members[i]
    local key, is_object = m[1], byte(s, m[3]) == 123
    if key == 'usage' and is_object then
      read_usage(s, m[3], usage)
    elseif key == 'model' and byte(s, m[3]) == 34 then
      usage.model = unescape(sub(s, m[3] + 1, m[4] - 1))
    elseif from and is_object and key == 'tokens' then
      tokens = m[3]
    elseif from and is_object and key == 'billed_units' then
      billed = m[3]
    elseif not from and is_object and HOLDERS[key] then
      scan_answer(s, usage, m[3])
    end
  end
  if tokens or billed then read_usage(s, tokens or billed, usage) end
end

-- Reads an answer or event. Nearly all name usage once, and then what follows the name is it: a text of the model cannot
-- look like that, since the quotes in a JSON string are escaped. Everything else is read by its structure.
local function read_answer(s, usage)
  local at = find(s, '"usage"', 1, true)
  if at and not find(s, '"usage"', at + 7, true) then
    local from = match(s, '^%s*:%s*(){', at + 7)
    if from and read_usage(s, from, usage) then
      local named = not usage.model and find(s, '"model"', 1, true)
      if named then usage.model = match(s, '^%s*:%s*"([^"\\]*)"', named + 7) end
      return
    end
  end
  scan_answer(s, usage)
end

-- True where a text names usage with a value: most events of a stream say `"usage":null` or nothing.
local function has_usage(s)
  local p = find(s, '"usage"', 1, true)
  while p do
    if find(s, '^%s*:%s*{', p + 7) then return true end
    p = find(s, '"usage"', p + 7, true)
  end
  return false
end

-- Whole lines of an event stream. Only the first events are read for the model alone.
local function read_lines(text, usage)
  if (usage.model or usage.looked >= 4) and not has_usage(text) then return end
  for line in gmatch(text, 'data:[ \t]*({[^\r\n]*})[ \t]*[\r\n]') do
    if has_usage(line) then
      read_answer(line, usage)
    elseif not usage.model and usage.looked < 4 then
      usage.looked = usage.looked + 1
      scan_answer(line, usage)
      if usage.model then usage.looked = 4 end
    end
  end
end

local function count_events(text)
  local events, p = 0, find(text, 'data:', 1, true)
  while p do
    events = events + 1
    p = find(text, 'data:', p + 5, true)
  end
  return events
end

-- Token counts of a stream while it passes by. A line that has not ended waits for its rest; one that is longer than any
-- event with usage is passed over.
-- `progress` is told now and then, each time that a tenth more has come.
local function watch_stream(handle, usage, progress)
  local held, held_size, is_skipping = {}, 0, false
  local next_progress = 1
  usage.looked, usage.events = 0, 0
  for chunk in handle:bodyChunks() do
    local length = chunk:length()
    if length > 0 then
      usage.first = usage.first or now_ms(handle)
      local text = chunk:getBytes(0, length)
      local last = byte(text, length)
      local ends = (last == 10 or last == 13) and length or (match(text, '^.*[\r\n]()') or 1) - 1
      if ends > 0 then -- where the last whole line ends
        local lines = ends == length and text or sub(text, 1, ends)
        if held_size > 0 then lines = concat(held) .. lines end
        if is_skipping then lines = sub(lines, (find(lines, '[\r\n]'))) end
        read_lines(lines, usage)
        held, held_size, is_skipping = {}, 0, false
        if progress then
          usage.events = usage.events + count_events(lines)
          if usage.events >= next_progress then
            progress()
            next_progress = usage.events * 1.1 + 1
          end
        end
      end
      if ends < length and not is_skipping then
        held[#held + 1] = sub(text, ends + 1)
        held_size = held_size + length - ends
        if held_size > MAX_EVENT_BYTES then held, held_size, is_skipping = {}, 0, true end
      end
    end
  end
  if held_size > 0 then read_lines(concat(held) .. '\n', usage) end
  usage.last = now_ms(handle)
end

-- Token counts of an answer that is one JSON text, while it passes by. One that is too long is passed over.
local function watch_unary(handle, usage)
  local parts, size = {}, 0
  for chunk in handle:bodyChunks() do
    local length = chunk:length()
    size = size + length
    if size > MAX_ANSWER_BYTES then
      parts = {}
    elseif length > 0 then
      parts[#parts + 1] = chunk:getBytes(0, length)
    end
  end
  if size <= MAX_ANSWER_BYTES then read_answer(#parts == 1 and parts[1] or concat(parts), usage) end
end

-- Counts as the cost rules know them, and those worth telling. Anthropic counts cached input apart from input_tokens,
-- the others inside it.
local function settle_usage(usage)
  local apart = (usage.cache_read or usage.cache_creation) and (usage.cache_read or 0) + (usage.cache_creation or 0) or 0
  local input, output = (usage.input or 0) + apart, usage.output or 0
  local total = apart == 0 and usage.total or input + output
  local cached, creation = usage.cache_read or usage.cached or 0, usage.cache_creation or usage.cache_write or 0
  local reasoning = usage.reasoning or 0
  local counts = { input = input, output = output, total = total, cached = cached, cache_creation = creation, reasoning = reasoning }
  -- Each number that goes into metadata and into a log costs: those that are nearly always zero are left out then.
  local told = { input = input, output = output, total = total }
  if cached > 0 then told.cached = cached end
  if creation > 0 then told.cache_creation = creation end
  if reasoning > 0 then told.reasoning = reasoning end
  return counts, told
end

-- -------------------------------------------------------------------------------------------------------------- limits

-- Endpoints whose answers tell tokens without using any.
local FREE = { tokenize = true, messages_count_tokens = true, responses_input_tokens = true }
-- Endpoints whose answers are texts of a model.
local GENERATING = { chat_completions = true, completions = true, responses = true, messages = true }
local FILE_TOKENS = 1000
local FILE_STARTS = { ';base64,', '"data":"' }

-- Tokens of a prompt by its size: one for four bytes, and so many for each file inside of it.
local function prompt_tokens(text)
  local size, files = #text, 0
  for i = 1, #FILE_STARTS do
    local _, at = find(text, FILE_STARTS[i], 1, true)
    while at do
      local stop = find(text, '"', at + 1, true) or #text
      size, files = size - (stop - at), files + 1
      _, at = find(text, FILE_STARTS[i], stop, true)
    end
  end
  return math.ceil(size / 4) + files * FILE_TOKENS
end

local function estimated_counts(input, output)
  return { input = input, output = output, total = input + output, cached = 0, cache_creation = 0, reasoning = 0 }
end

-- What so many tokens cost at a backend for the model that it was asked for, in millionths; nil where no price is known.
local function price_of(prices, model, counts)
  local p = prices and (prices[model] or prices['*'])
  if not p then return nil end
  local plain = math.max(counts.input - counts.cached - counts.cache_creation, 0)
  return floor(plain * p[1] + counts.cached * p[2] + counts.cache_creation * p[3] + counts.output * p[4] + p[5] + 0.5)
end

-- Counts with their price at a backend.
local function with_price(route, backend, model, counts)
  if route and route.prices then counts.price = price_of(route.prices[backend], model, counts) end
  return counts
end

-- Estimated counts with their price: at the backend, where it is known who is asked for what, else the highest that it may
-- come to.
local function estimate_price(route, model, counts, backend, sent)
  if backend then with_price(route, backend, sent, counts) end
  if counts.price then return counts end
  local highest
  for _, prices in pairs(route.prices or {}) do
    local known = prices[model] and { [model] = true } or prices['*'] and { ['*'] = true } or prices
    for name in pairs(known) do highest = math.max(highest or 0, price_of(prices, name, counts)) end
  end
  counts.price = highest
  return counts
end

-- A cost of counts, or nil and why there is none.
local function cost_of(cost, counts, model, backend, name)
  if not cost.compute then return counts[cost.count] end
  local ok, value, why = pcall(cost.compute, counts, model, backend, name)
  if ok then return value, why end
  return nil, value
end

-- Notes what is known of the costs that are charged at the end, while it is not the end.
local function note_known(metadata, route, counts, model, backend)
  local charged = route.limits.charged
  for i = 1, charged and #charged or 0 do
    local value = cost_of(charged[i], counts, model, backend, route.name)
    if value then metadata:set(LIMITS_NS, charged[i].key, value) end
  end
end

-- What a request reserves: a number, or the cost of estimated counts. `sent`: the model at the backend that it is about.
local function reserved_hits(handle, route, reserve, asked, input, endpoint, sent)
  if reserve.number then return reserve.number end
  local output = 0
  if reserve.output and GENERATING[endpoint] then
    output = math.min((asked.max_output or reserve.output) * math.max(asked.answers or 1, 1), MAX_TOKENS)
  end
  local counts = estimate_price(route, asked.model, estimated_counts(input, output), reserve.backend, sent)
  local value, why = cost_of(reserve, counts, asked.model, reserve.backend or route.limits.backend, route.name)
  if value then return value end
  handle:logWarn('headgate: ' .. reserve.key .. ' of ' .. route.name .. ': ' .. tostring(why))
  -- Where no estimate can be made, tokens are better than nothing.
  return input + output
end

local function note_reserves(handle, metadata, route, asked, input, endpoint)
  local reserves = route.limits.reserves
  for i = 1, #reserves do
    metadata:set(LIMITS_NS, reserves[i].key, reserved_hits(handle, route, reserves[i], asked, input, endpoint))
  end
end

-- The quota that counts for a model at a backend, or nil.
local function quota_of(quotas, model)
  local others
  for i = 1, #quotas do
    if quotas[i].model == model then return quotas[i] end
    if not quotas[i].model then others = quotas[i] end
  end
  return others
end

-- Notes the buckets of all backends that may serve a request, and what it reserves of them; true where there are any.
local function note_quotas(handle, metadata, route, asked, input, endpoint)
  local any, reserved = false, {}
  for cluster, quotas in pairs(route.limits.quotas) do
    local ref = route.refs[cluster]
    local sent = ref and ref.model or asked.model
    local quota = quota_of(quotas, sent)
    for i = 1, quota and #quota.buckets or 0 do
      metadata:set(LIMITS_NS, 'quota/' .. quota.buckets[i].note, quota.buckets[i].name)
      any = true
    end
    local reserve = quota and quota.reserve
    if reserve then
      -- A backend may be there twice, with two models that share a quota.
      local hits = math.max(reserved_hits(handle, route, reserve, asked, input, endpoint, sent), reserved[reserve.key] or 0)
      reserved[reserve.key] = hits
      metadata:set(LIMITS_NS, reserve.key, hits)
    end
  end
  if any then metadata:set(LIMITS_NS, 'quota/open', 'quota/open') end
  return any
end

-- What a request has cost in the unit of the quota that is charged for it; while it is not the end, at least what it reserved.
local function note_spent(metadata, route, quota, counts, model, backend, reserved)
  local value = quota and cost_of(quota, counts, model, backend, route.name)
  if value and reserved then value = math.max(value, reserved) end
  if value or reserved then metadata:set(LIMITS_NS, '@quota', value or reserved) end
end

-- The quota that is charged: of the backend that was asked last, for the model that it was asked for; and what is reserved
-- of it.
local function charged_quota(metadata, route)
  local noted = route and route.limits and route.limits.quotas and metadata:get(LIMITS_NS)
  local quotas = noted and noted['@cluster'] and route.limits.quotas[noted['@cluster']]
  local quota = quotas and quota_of(quotas, noted['@sent'])
  return quota, quota and quota.reserve and noted[quota.reserve.key]
end

-- An answer that came to its end without usage costs nothing that is known; one that is no failure, what was reserved.
local function forget_known(metadata, route, is_answer)
  local limits = route and route.limits
  for i = 1, limits and limits.charged and #limits.charged or 0 do metadata:set(LIMITS_NS, limits.charged[i].key, 0) end
  if not limits or not limits.quotas then return end
  local _, reserved = charged_quota(metadata, route)
  metadata:set(LIMITS_NS, '@quota', is_answer and reserved or 0)
end

-- An attempt at a backend begins: from now on its buckets are those to be charged, and not those of an earlier attempt.
local function charge_backend(metadata, route, cluster, model, asked_model, backend)
  local limits = route.limits
  if not limits or not limits.quotas or not limits.quotas[cluster] then return end
  local noted = metadata:get(LIMITS_NS)
  if not noted or not noted['quota/open'] then return end
  for _, quotas in pairs(limits.quotas) do
    for i = 1, #quotas do
      for j = 1, #quotas[i].buckets do
        local key = 'charge/' .. quotas[i].buckets[j].note
        if noted[key] then metadata:set(LIMITS_NS, key, '') end
      end
    end
  end
  metadata:set(LIMITS_NS, '@cluster', cluster)
  metadata:set(LIMITS_NS, '@sent', model)
  local quota = quota_of(limits.quotas[cluster], model)
  for i = 1, quota and #quota.buckets or 0 do
    metadata:set(LIMITS_NS, 'charge/' .. quota.buckets[i].note, quota.buckets[i].name)
  end
  local counts = estimate_price(route, asked_model, estimated_counts(noted['@prompt'] or 0, 0), backend, model)
  note_spent(metadata, route, quota, counts, asked_model, backend, quota and quota.reserve and noted[quota.reserve.key])
end

local function query_value(query, name)
  for key, value in gmatch(query, '([^?&=]+)=?([^&]*)') do
    if gsub(key, '%%(%x%x)', unescape_byte) == name then return (gsub(value, '%%(%x%x)', unescape_byte)) end
  end
end

-- Notes all that the limits of a route look at. Attempts change the headers, and at the end limits must mean the bucket
-- that they meant on arrival. Returns true where backends have quotas for it.
local function note_limits(handle, metadata, headers, route, asked, endpoint, path, query, text, now)
  local limits = route.limits
  metadata:set(LIMITS_NS, '@', string.format('%d.%03d', floor(now / 1000), now % 1000))
  for i = 1, #limits.headers do
    local name = limits.headers[i]
    local value
    if name == ':path' then value = path else value = headers:get(name) end
    if value then metadata:set(LIMITS_NS, name, value) end
  end
  for i = 1, limits.query and #limits.query or 0 do
    local value = query_value(query, limits.query[i])
    if value then metadata:set(LIMITS_NS, '?' .. limits.query[i], value) end
  end
  if FREE[endpoint] or not (limits.reserves or limits.charged or limits.quotas) then return end
  local input = asked.multipart and 0 or prompt_tokens(text)
  if limits.charged or limits.quotas then metadata:set(LIMITS_NS, '@prompt', input) end
  if limits.reserves then note_reserves(handle, metadata, route, asked, input, endpoint) end
  note_known(metadata, route, estimate_price(route, asked.model, estimated_counts(input, 0)), asked.model, limits.backend)
  return limits.quotas and note_quotas(handle, metadata, route, asked, input, endpoint)
end

-- ------------------------------------------------------------------------------------------------------- listener role

-- Makes a stream report its usage. Every attempt starts from the body that this leaves; positions in it are put right.
local function force_usage(headers, body, text, asked)
  local options = usage_options(asked.options_start and sub(text, asked.options_start, asked.options_end))
  if options == '' then return end
  local first, last = asked.options_start or asked.close, asked.options_end or asked.close - 1
  if not asked.options_start then options = ',"stream_options":' .. options end
  asked.size = body:setBytes(sub(text, 1, first - 1) .. options .. sub(text, last + 1))
  asked.forced = true
  headers:replace('content-length', tostring(asked.size))
  if asked.model_start > first then
    local shift = asked.size - #text
    asked.model_start, asked.model_end = asked.model_start + shift, asked.model_end + shift
  end
end

-- Has the route try its backends in an order; nothing where the compiled one will do.
local function set_order(handle, metadata, groups, why)
  if not groups then return end
  if why ~= '' then metadata:set(NS, 'tried', why) end
  metadata:set(ORDER_NS, 'priority_groups', groups)
  handle:clearRouteCache()
end

local function listener_request(handle)
  local unread = facts_of(handle:metadata())
  if not unread or not unread.endpoint then return end
  local headers = handle:headers()
  local path = headers:get(':path')
  local bare = match(path, '^[^?]*')
  local api = unread.api

  local encoding = headers:get('content-encoding')
  if encoding and lower(encoding) ~= 'identity' then
    return refuse(handle, api, '415', 'unsupported_encoding', 'A compressed request body is not supported.')
  end
  local content_type = headers:get('content-type') or ''
  local body = handle:body(true)
  local text = body:getBytes(0, body:length())
  local asked, wrong
  if find(lower(content_type), '^%s*multipart/form%-data') then
    asked, wrong = read_multipart(text, content_type)
  else
    asked, wrong = read_json(text)
  end
  if not asked then return refuse(handle, api, '400', 'invalid_body', wrong) end
  local model = asked.model
  if not model or model == '' then return refuse(handle, api, '400', 'missing_model', 'The request names no model.') end
  if find(model, '%c') or #model > 512 then return refuse(handle, api, '400', 'invalid_model', 'The name of the model is not valid.') end

  headers = handle:headers() -- objects of the handle do not outlive a wait for the body
  headers:replace('x-ai-eg-model', model)
  headers:replace('x-headgate-api', unread.class)
  handle:clearRouteCache()
  local route = facts_of(handle:metadata())
  if not route then return end
  if route.not_found then
    return refuse(handle, api, '404', 'model_not_found', 'The model `' .. model .. '` does not exist or is not served here.')
  end

  asked.size = #text
  local prompt, client_query = text, sub(path, #bare + 1)
  if asked.stream and unread.stream_options and route.force_usage then force_usage(headers, body, text, asked) end
  local query = client_query
  if query ~= '' then
    query = public_query(query)
    headers:replace(':path', bare .. query)
  end
  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set(NS, 'model', model)
  if api == 'anthropic' then metadata:set(NS, 'api', api) end -- the path is the provider's when Envoy answers an error itself
  local now = now_ms(handle)
  local has_quotas = route.limits
    and note_limits(handle, metadata, headers, route, asked, unread.endpoint, bare, client_query, prompt, now)
  if has_quotas and route.only then charge_backend(metadata, route, next(route.limits.quotas), model, model, route.only) end
  -- No attempt reads it where no script runs; what is left of it is the start of a stream.
  if route.only and not asked.stream and not asked.multipart then return end
  local note = write_note(route, unread.endpoint, asked, query, model, now)
  metadata:set(NS, 'request', note)
  if route.mirrors then headers:replace('x-headgate-note', url_encode(note)) end
  if route.only then return end
  local credentials
  if route.override_headers then
    credentials = {}
    for i = 1, #route.override_headers do
      local name = route.override_headers[i]
      local value = headers:get(name)
      if value ~= '' then credentials[name] = value end -- an empty header is none
      if credentials[name] then metadata:set(CREDENTIALS_NS, name, credentials[name]) end
    end
  end
  for i = 1, route.restore and #route.restore or 0 do
    local value = headers:get(route.restore[i])
    if value then metadata:set(ORIGINALS_NS, route.restore[i], value) end
  end
  if route.groups and not has_quotas then set_order(handle, metadata, choose_order(route, now, credentials, metadata)) end
end

-- The backends that have no room, by cluster, with the seconds until one of their buckets is renewed; nil where all have.
-- One that is asked about none has room; so have all where the service gave no answer.
local function full_backends(metadata, route, noted, now)
  local answer = metadata:get(RATE_LIMIT_NS)
  local descriptors = answer and answer.descriptors
  if not descriptors then return nil end
  local asked, room, full = {}, answer.metadata and answer.metadata.room or {}, nil
  for i = 1, #descriptors do
    local name = match(descriptors[i].entries[1] or '', '^limit=(.*)$')
    if name then asked[name] = true end
  end
  for cluster, quotas in pairs(route.limits.quotas) do
    local ref = route.refs[cluster]
    local quota = quota_of(quotas, ref and ref.model or noted)
    local has_room, wait = false, nil
    for i = 1, quota and #quota.buckets or 0 do
      local bucket = quota.buckets[i]
      if not bucket.shadow and asked[bucket.name] then
        if room[bucket.name] then has_room = true end
        wait = math.min(wait or bucket.seconds, bucket.seconds - floor(now / 1000) % bucket.seconds)
      end
    end
    if wait and not has_room then
      full = full or {}
      full[cluster] = wait
    end
  end
  return full
end

local function quota_request(handle)
  local metadata = handle:streamInfo():dynamicMetadata()
  local limits = metadata:get(LIMITS_NS)
  if not limits or not limits['quota/open'] then return end
  local route = facts_of(handle:metadata())
  local notes = metadata:get(NS)
  local now = now_ms(handle)
  local full = full_backends(metadata, route, notes.model, now)
  local groups, why, is_spent
  if route.groups then
    groups, why, is_spent = choose_order(route, now, metadata:get(CREDENTIALS_NS), metadata, full)
  elseif full then
    why, is_spent = (route.only or route.limits.backend) .. '=no-quota', true
  end
  if not is_spent then return set_order(handle, metadata, groups, why) end
  metadata:set(NS, 'tried', why)
  metadata:set(NS, 'refused', 'quota')
  local wait
  for _, seconds in pairs(full) do wait = math.min(wait or seconds, seconds) end
  refuse(handle, notes.api or 'openai', '429', 'quota_exceeded', 'The quota of this model is used up.', tostring(wait))
end

local function set_costs(handle, metadata, costs, counts, model, backend, name)
  for i = 1, costs and #costs or 0 do
    local cost = costs[i]
    local value, why = cost_of(cost, counts, model, backend, name)
    if value then
      metadata:set(COST_NS, cost.key, value)
    else
      handle:logWarn('headgate: cost ' .. cost.key .. ': ' .. tostring(why))
    end
  end
end

-- Who served, or nil, where one backend was asked without a script. Its route puts the number of attempts and the response
-- flags where the name of the backend will stand: no flags, and the backend itself has answered; no attempt or UH, and it
-- was not even asked.
local function conclude_alone(headers, metadata, only, status)
  local attempts, flags = match(headers:get('x-headgate-backend') or '', '^(%d*)(.*)$')
  if flags == '-' and attempts ~= '0' then
    headers:replace('x-headgate-backend', only)
    metadata:set(NS, 'tried', only .. '=' .. status)
    return only
  end
  headers:remove('x-headgate-backend')
  if flags == 'UH' or attempts == '0' or attempts == '' then return nil end
  local tried = only .. '=no-answer'
  metadata:set(NS, 'tried', tried)
  headers:replace('x-headgate-tried', tried)
end

-- Who served, or nil; tells the log and the client.
local function conclude(headers, metadata, tried, status)
  if byte(status) < 52 then
    tried = tried .. '=' .. status
    metadata:set(NS, 'tried', tried)
  elseif not find(tried, '=[^,=]*$') then
    -- The processor has answered, not the provider.
    local refused = headers:get('x-headgate-refused')
    if refused then headers:remove('x-headgate-refused') end
    tried = tried .. '=' .. (refused and status or 'no-answer')
    metadata:set(NS, 'tried', tried)
    if refused then
      headers:replace('x-headgate-tried', tried)
      return nil
    end
  end
  local others, backend = match(tried, '^(.-)([^,=]+)=%d+$')
  if backend and byte(status) >= 52 and metadata:get(NS).refused == tried then backend, others = nil, tried end
  if backend then headers:replace('x-headgate-backend', backend) end
  if others ~= '' then headers:replace('x-headgate-tried', tried) end
  return backend
end

-- For how long a backend is asked last whose processor could not be reached: the control plane leaves it out meanwhile.
local WITHOUT_PROCESSOR_MS = 2000

-- Envoy ends a request that finds no processor, and asks no other backend. The next requests ask the others first.
local function note_lost_processor(handle, headers, route, tried)
  if not headers:get('x-headgate-no-processor') then return end
  headers:remove('x-headgate-no-processor')
  local name = match(tried, '([^,=]+)[^,]*$')
  for g = 1, route and route.groups and #route.groups or 0 do
    for _, ref in ipairs(route.groups[g]) do
      if ref.backend == name then cooling[ref.cluster] = now_ms(handle) + WITHOUT_PROCESSOR_MS end
    end
  end
end

-- Of a stream that goes on: the tokens it has told, and as many more as it has events.
local function progress_noter(handle, route, usage, model, backend, sent)
  if not route or not route.limits or not (route.limits.charged or route.limits.quotas) then return nil end
  local noted = handle:streamInfo():dynamicMetadata():get(LIMITS_NS)
  local quota, reserved = charged_quota(handle:streamInfo():dynamicMetadata(), route)
  local prompt = noted and noted['@prompt'] or 0
  return function()
    local counts = settle_usage(usage)
    if not usage.input then counts.input = prompt end
    counts.output = math.max(counts.output, usage.events)
    counts.total = counts.input + counts.output
    with_price(route, backend, sent, counts)
    local metadata = handle:streamInfo():dynamicMetadata()
    note_known(metadata, route, counts, model, backend)
    note_spent(metadata, route, quota, counts, model, backend, reserved)
  end
end

local function listener_response(handle)
  local metadata = handle:streamInfo():dynamicMetadata()
  local notes = metadata:get(NS)
  if not notes or not notes.model then return end
  local model, version, started = notes.model, match(notes.request or '', NOTE_START)
  local route = version and known[version] or facts_of(handle:metadata())
  local only = route and route.only
  if (notes.tried or '') == '' and not only then return end
  local headers = handle:headers()
  local status = headers:get(':status')
  local backend
  if only then
    backend = conclude_alone(headers, metadata, only, status)
  else
    if status == '503' then note_lost_processor(handle, headers, route, notes.tried) end
    backend = conclude(headers, metadata, notes.tried, status)
  end
  if not backend or status ~= '200' then return forget_known(metadata, route) end

  local content_type = headers:get('content-type') or ''
  local streaming = find(content_type, 'text/event-stream', 1, true)
  if not streaming and not find(content_type, 'json', 1, true) then return forget_known(metadata, route, true) end
  local usage = {}
  if streaming then
    watch_stream(handle, usage, progress_noter(handle, route, usage, model, backend, notes.sent_model or model))
  else
    watch_unary(handle, usage)
  end
  metadata = handle:streamInfo():dynamicMetadata()
  metadata:set(COST_NS, 'backend_name', backend)
  metadata:set(COST_NS, 'ai_service_backend_name', backend)
  metadata:set(COST_NS, 'model_name_override', notes.sent_model or model)
  if route then metadata:set(COST_NS, 'route_name', route.name) end
  if usage.model then metadata:set(COST_NS, 'response_model', usage.model) end
  if usage.first and started then metadata:set(COST_NS, 'token_latency_ttft', usage.first - tonumber(started)) end
  if not usage.found then return forget_known(metadata, route, true) end
  local counts, told = settle_usage(usage)
  metadata:set(NS, 'usage', told)
  if usage.first and counts.output > 1 then
    metadata:set(COST_NS, 'token_latency_itl', (usage.last - usage.first) / (counts.output - 1))
  end
  if route then
    with_price(route, backend, notes.sent_model or model, counts)
    set_costs(handle, metadata, route.costs, counts, model, backend, route.name)
    note_spent(metadata, route, (charged_quota(metadata, route)), counts, model, backend)
  end
end

-- -------------------------------------------------------------------------------------------------------- backend role

-- The path of an attempt: the provider's own, with the model where it belongs into it and the query of the client.
local function provider_path(template, model, query)
  if find(template, '{model}', 1, true) then
    local encoded = url_encode(model)
    template = gsub(template, '{model}', function() return encoded end)
  end
  if query ~= '' and find(template, '?', 1, true) then query = '&' .. sub(query, 2) end
  return template .. query
end

-- The credential that came with the request, or nil.
local function given_credential(metadata, credential)
  local given = credential.request_header and metadata:get(CREDENTIALS_NS)
  local value = given and given[credential.request_header]
  if not value and credential.metadata_namespace then
    local values = metadata:get(credential.metadata_namespace)
    value = values and values[credential.metadata_key]
  end
  if type(value) == 'string' and value ~= '' then return value end
end

-- Gives the attempt the credential that came with the request. False when it needs one and has none; a configured
-- credential is added by the filter behind this one wherever the header is still free.
local function override_credential(headers, metadata, credential)
  local value = given_credential(metadata, credential)
  if not value then return credential.fallback end
  if credential.prefix ~= '' and lower(sub(value, 1, #credential.prefix)) == lower(credential.prefix) then
    value = sub(value, #credential.prefix + 1)
  end
  headers:replace(credential.header, credential.prefix .. value)
  return true
end

local function is_key(value)
  return type(value) == 'string' and value ~= '' and not find(value, '[%c ]')
end

-- The AWS keys that came with the request, a word each, and what they are to sign for: nil where there are none, false where
-- they are not whole.
local function given_keys(metadata, own)
  local id, secret, token
  if own.request_header then
    local given = metadata:get(CREDENTIALS_NS) or {}
    id, secret = given[own.request_header .. 'access-key-id'], given[own.request_header .. 'secret-access-key']
    token = given[own.request_header .. 'session-token']
  else
    local values = metadata:get(own.metadata_namespace)
    local keys = values and values[own.metadata_key]
    if keys == nil then return nil end
    if type(keys) ~= 'table' then return false end
    id, secret, token = keys.accessKeyId, keys.secretAccessKey, keys.sessionToken
    if token == '' then token = nil end
  end
  if id == nil and secret == nil and token == nil then return nil end
  if not is_key(id) or not is_key(secret) or token ~= nil and not is_key(token) then return false end
  return concat({ id, secret, token or '-', own.region, own.service }, ' ')
end

-- Has the attempt signed with the keys of the request (sign.lua); where it has none, the configured ones sign. False where it
-- needs some, or has half of them.
local function override_keys(headers, metadata, own)
  local keys = given_keys(metadata, own)
  if keys == nil then return own.fallback end
  if not keys then return false end
  metadata:set(CREDENTIALS_NS, 'keys', keys)
  headers:replace('authorization', 'headgate-own-keys')
  return true
end

-- A body whose top level is rewritten: `set` and `removed` by key. All else stays to the letter, blanks between members
-- that stay side by side included.
local function rewrite_members(s, set, removed)
  local members = scan_object(s)
  local parts, done = {}, {}
  local kept -- the last member of the original that stays
  local function separate(start)
    if kept == nil then
      parts[1] = start or '{'
    else
      parts[#parts + 1] = start or ','
    end
  end
  for i = 1, #members do
    local m = members[i]
    local key = unescape(m[1])
    local value = set[key]
    if value or not removed[key] then
      local before = i == 1 and 1 or members[i - 1][4] + 1
      separate(kept == i - 1 and sub(s, before, m[2] - 1) or i == 1 and sub(s, 1, m[2] - 1))
      parts[#parts + 1] = value and sub(s, m[2], m[3] - 1) .. value or sub(s, m[2], m[4])
      done[key] = value and true
      kept = i
    end
  end
  local function append(key, value)
    separate()
    parts[#parts + 1] = quote(key) .. ':' .. value
    kept = kept or 0
  end
  local tail = kept == #members and sub(s, #members > 0 and members[#members][4] + 1 or 2) or '}'
  for key, value in pairs(set) do
    if not done[key] then append(key, value) end
  end
  if kept == nil then separate() end
  return concat(parts) .. tail
end

local function edit_body(handle, note, ref)
  local body = handle:body(true)
  local s = body:getBytes(0, body:length())
  local edited
  local multipart = find(note.flags, 'm', 1, true)
  if ref.body and not multipart then
    local set, removed = { model = ref.model and quote(ref.model) }, {}
    for key, value in pairs(ref.body.set or {}) do set[key] = value end
    for key in pairs(ref.body.removed or {}) do removed[key] = true end
    -- What the gateway needs to count a stream outlasts the mutation.
    if find(note.flags, 'u', 1, true) then removed.stream_options = nil end
    edited = rewrite_members(s, set, removed)
  elseif ref.model then
    edited = sub(s, 1, note.model_start - 1) .. (multipart and ref.model or quote(ref.model)) .. sub(s, note.model_end + 1)
  else
    edited = s
  end
  local length = body:setBytes(edited)
  handle:headers():replace('content-length', tostring(length))
end

-- Whether the body that the translation gets asks for a stream: a mutation of the backend has the last word.
local function asks_stream(note, ref)
  local body = ref.body
  if body and body.set and body.set.stream then return body.set.stream == 'true' end
  if body and body.removed and body.removed.stream then return false end
  return find(note.flags, 's', 1, true) ~= nil
end

local NO_CHANGES = {}

-- An attempt that is translated behind this filter: where it goes, and what the filters there and the answer have to know.
local function announce_translation(headers, metadata, backend, note, ref, route)
  local target = backend.translated[note.endpoint]
  local streams = asks_stream(note, ref)
  -- The filters tell by it whether a stream is asked for.
  headers:replace('accept', streams and backend.stream_type or 'application/json')
  headers:replace('content-type', 'application/json')
  for name, value in pairs(backend.translated_headers or NO_CHANGES) do headers:replace(name, value) end
  local betas = headers:get('anthropic-beta')
  -- One text, since each attribute of a request to the processor costs as much as all else that is done here.
  metadata:set(NS, 'attempt', note.endpoint .. (streams and ' stream' or '') .. (route.refuse_unsupported and ' refuse' or '')
    .. (betas and ' betas=' .. gsub(betas, '[^%w%-_.,]', '') or '')
    .. (backend.mirror and ' copy' or route.groups and (backend.near and ' near else' or ' else') or '')
    .. (backend.provider and ' ' .. backend.provider or ''))
  return streams and target.stream or target.path
end

-- Walks over the headers that are there: they are fewer than the names.
local function strip_headers(headers, backend)
  local names = backend.stripped
  if not names then
    names = {}
    for i = 1, #backend.strip do names[backend.strip[i]] = true end
    backend.stripped = names
  end
  local found = {}
  for name in pairs(headers) do
    if names[name] then found[#found + 1] = name end
  end
  for i = 1, #found do headers:remove(found[i]) end
end

local function backend_request(handle, backend)
  local metadata = handle:streamInfo():dynamicMetadata()
  local notes = metadata:get(NS)
  local note = read_note(notes.request)
  local route = known[note.route] or facts_of(handle:metadata())
  local ref = route.refs[backend.cluster]
  local headers = handle:headers()

  local tried = notes.tried
  -- An attempt that got no response is told by the one that follows it.
  if tried and not find(tried, '=[^,=]*$') then tried = tried .. '=no-answer' end
  local all_tried = (tried and tried .. ',' or '') .. backend.name
  metadata:set(NS, 'tried', all_tried)
  charge_backend(metadata, route, backend.cluster, ref.model or note.model, note.model, backend.name)
  -- What an earlier attempt set for its own provider still stands in the headers; so does what the client sent.
  if route.restore and tried then
    local originals = metadata:get(ORIGINALS_NS)
    for i = 1, #route.restore do
      local name = route.restore[i]
      if originals and originals[name] then headers:replace(name, originals[name]) else headers:remove(name) end
    end
  end
  strip_headers(headers, backend)
  local template, query = backend.paths[note.endpoint], note.query
  -- What was said of an earlier attempt.
  if metadata:get(TRANSLATED_NS) then
    metadata:set(TRANSLATED_NS, 'unsupported', '')
    metadata:set(TRANSLATED_NS, 'path', '')
    metadata:set(TRANSLATED_NS, 'status', '')
    metadata:set(TRANSLATED_NS, 'content_type', '')
    metadata:set(TRANSLATED_NS, 'refusal', '')
  end
  if not template then
    if not (backend.translated and backend.translated[note.endpoint]) then
      return refuse(handle, 'openai', '501', 'not_implemented', 'This API cannot be translated.') -- a copy, which nobody waits for
    end
    template, query = announce_translation(headers, metadata, backend, note, ref, route), ''
  elseif notes.attempt then
    metadata:set(NS, 'attempt', '')
  end
  headers:replace(':path', provider_path(template, ref.model or note.model, query))
  if backend.host then headers:replace(':authority', backend.host) end
  if backend.forward then
    local given = metadata:get(CREDENTIALS_NS)
    for i = 1, #backend.forward do
      local value = given and given[backend.forward[i]]
      if value then headers:replace(backend.forward[i], value) end
    end
  end
  if backend.credential and not override_credential(headers, metadata, backend.credential)
    or backend.own_keys and not override_keys(headers, metadata, backend.own_keys) then
    metadata:set(NS, 'tried', all_tried .. '=no-credential')
    return refuse(handle, notes.api or 'openai', '401', 'missing_credential', 'missing upstream credential')
  end
  if ref.headers then
    for i = 1, ref.headers.removed and #ref.headers.removed or 0 do headers:remove(ref.headers.removed[i]) end
    for name, value in pairs(ref.headers.set or {}) do headers:replace(name, value) end
  end
  if backend.pool and not headers:get(backend.pool.header) then
    local used = notes.keys or ''
    local key = choose_key(backend.name, backend.pool.size, now_ms(handle), used)
    metadata:set(NS, 'keys', used .. key_note(backend.name, key))
    metadata:set(NS, 'key', tostring(key))
    headers:replace(backend.pool.header, 'headgate-key-' .. key)
  elseif backend.pool then
    metadata:set(NS, 'key', '')
  end
  -- An earlier attempt may have sent another name.
  if ref.model or notes.sent_model then metadata:set(NS, 'sent_model', ref.model or note.model) end
  if ref.model or ref.body then
    edit_body(handle, note, ref)
  elseif notes.tried then
    headers:replace('content-length', note.size) -- the attempt before may have sent an edited body
  end
end

-- A copy of a request for a mirror: it has metadata of its own and no route, and the note of the request came as a header.
local function mirror_request(handle, backend)
  local text = handle:headers():get('x-headgate-note')
  handle:streamInfo():dynamicMetadata():set(NS, 'request', url_decode(text))
  backend_request(handle, backend)
end

-- Makes the head of a translated answer that of the client's API. What is no stream is held until its body is translated:
-- its length and its status are known then. Returns the status.
local function translated_response(handle, metadata, notes, status)
  local headers = handle:headers()
  headers:remove('content-encoding')
  local translated = metadata:get(TRANSLATED_NS)
  if translated and translated.unsupported and translated.unsupported ~= '' then
    headers:replace('x-headgate-unsupported', translated.unsupported)
  end
  local is_good = byte(status) == 50
  if is_good and status ~= '204' and find(notes.attempt, '^%S+ stream') then
    headers:remove('content-length')
    headers:replace('content-type', 'text/event-stream')
    return status
  end
  headers:replace('content-type', 'application/json')
  local body = handle:body(true)
  local length = body:length()
  -- What has no body has not been translated.
  if length == 0 then
    local message = is_good and 'The answer of the provider is empty.' or 'The provider answered ' .. status .. '.'
    if byte(status) < 52 then status = '502' end
    handle:headers():replace(':status', status)
    length = body:setBytes(error_body(notes.api or 'openai', status, 'provider_error', message))
  end
  headers, metadata = handle:headers(), handle:streamInfo():dynamicMetadata()
  headers:replace('content-length', tostring(length))
  translated = metadata:get(TRANSLATED_NS)
  if not translated then return status end
  local real, content_type = translated.status, translated.content_type
  if content_type and content_type ~= '' then headers:replace('content-type', content_type) end
  if not real or real == '' then return status end
  headers:replace(':status', real)
  return real
end

-- Notes why an attempt failed. Of one that succeeded the listener's response tells.
local function backend_response(handle, backend)
  local headers = handle:headers()
  local status = headers:get(':status')
  if backend.pool then headers:remove('x-headgate-next-key') end
  local metadata = handle:streamInfo():dynamicMetadata()
  local notes
  if backend.translated then
    notes = metadata:get(NS)
    if notes.attempt and notes.attempt ~= '' then
      status = translated_response(handle, metadata, notes, status)
      metadata = handle:streamInfo():dynamicMetadata()
      headers = handle:headers()
    end
  end
  if byte(status) < 52 then return end -- below 400
  local tried = (notes or metadata:get(NS)).tried
  if status == '503' and headers:get('x-headgate-sentinel') then
    metadata:set(NS, 'tried', tried .. '=no-endpoint')
    return
  end
  metadata:set(NS, 'tried', tried .. '=' .. status)
  -- The processor has answered in the backend's place.
  if headers:get('x-headgate-refused') then metadata:set(NS, 'refused', tried .. '=' .. status) end
  local is_refusal = status == '401' or status == '403'
  if is_refusal and (backend.forward or backend.credential and given_credential(metadata, backend.credential)
    or backend.own_keys and given_keys(metadata, backend.own_keys)) then
    local note = read_note(metadata:get(NS).request)
    local route = known[note.route] or facts_of(handle:metadata())
    if route.client_refusal_ends then headers:replace('x-envoy-ratelimited', '1') end
    return
  end
  local now = now_ms(handle)
  local key = backend.pool and (status == '429' or status == '401') and tonumber(metadata:get(NS).key)
  if key then
    local wait = retry_after_ms(headers, now) or status == '401' and REFUSED_REST_MS or LIMITED_REST_MS
    local back = rest_key(backend.name, backend.pool.size, key, now + wait, now)
    if back then
      cooling[backend.cluster] = back
    else
      headers:replace('x-headgate-next-key', '1')
      local note = read_note(metadata:get(NS).request)
      repeat_cluster(known[note.route] or facts_of(handle:metadata()), metadata, backend.cluster, tried .. '=' .. status)
    end
  elseif status == '429' or status == '503' then
    local wait = retry_after_ms(headers, now)
    if wait then cooling[backend.cluster] = now + wait end
  end
end

local function on_request(handle)
  local facts = facts_of(handle:filterContext())
  if not facts then
    listener_request(handle)
  elseif facts.role then
    quota_request(handle)
  elseif facts.mirror then
    mirror_request(handle, facts)
  else
    backend_request(handle, facts)
  end
end

local function on_response(handle)
  local facts = facts_of(handle:filterContext())
  if not facts then
    listener_response(handle)
  elseif not facts.role and not facts.mirror then
    backend_response(handle, facts)
  end
end

function envoy_on_request(handle)
  local ok, message = pcall(on_request, handle)
  if not ok then
    handle:logErr('headgate: ' .. tostring(message))
    handle:respond({ [':status'] = '500', ['content-type'] = 'application/json' },
      '{"error":{"message":"The gateway failed.","type":"server_error","param":null,"code":"gateway_error"}}')
  end
end

function envoy_on_response(handle)
  local ok, message = pcall(on_response, handle)
  if not ok then handle:logErr('headgate: ' .. tostring(message)) end
end
