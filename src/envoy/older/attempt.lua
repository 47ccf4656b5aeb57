-- Stands behind gateway.lua, in one text with it, in the cluster through which Envoys make the attempts of a rule when
-- they cannot choose another cluster for each. It leads to a listener of the same Envoy, which goes on to the cluster that
-- this script names. So it runs once an attempt, for whichever backend has its turn, and what the cluster of that backend
-- adds, such as its credential, is never in the headers that the next attempt begins with.

local COOLING_NS = 'headgate.cooling'

local function route_of(handle, notes)
  local version = match(notes.request, NOTE_START)
  return known[version] or facts_of(handle:metadata())
end

-- The cluster whose turn it is: in the order drawn for the request, or the compiled one. The last has all further turns.
local function cluster_at(metadata, attempts, n)
  local order = metadata:get(ORDER_NS)
  local groups = order and order.priority_groups
  if groups then return groups[math.min(n, #groups)].name end
  return attempts.order[math.min(n, #attempts.order)]
end

local function replace_or_remove(headers, name, value)
  if value then headers:replace(name, value) else headers:remove(name) end
end

-- Tells the listener of attempts where a request goes on to, and what it has to know there.
local function send_on(handle, cluster, backend)
  local headers, metadata = handle:headers(), handle:streamInfo():dynamicMetadata()
  local notes = metadata:get(NS)
  headers:replace('x-headgate-cluster', cluster)
  replace_or_remove(headers, 'x-headgate-endpoint-host', backend.endpoint_host and '1')
  replace_or_remove(headers, 'x-headgate-api', notes.api)
  local given = headers:get('authorization') == 'headgate-own-keys' and metadata:get(CREDENTIALS_NS)
  replace_or_remove(headers, 'x-headgate-keys', given and given.keys)
  -- A refusal is an answer here, whoever may follow.
  local attempt = gsub(notes.attempt or '', ' else$', '')
  replace_or_remove(headers, 'x-headgate-attempt', attempt ~= '' and attempt)
end

on_request = function(handle)
  local metadata = handle:streamInfo():dynamicMetadata()
  local notes = metadata:get(NS)
  local attempts = route_of(handle, notes).attempts
  local n = (notes.turn or 0) + 1
  metadata:set(NS, 'turn', n)
  local cluster = cluster_at(metadata, attempts, n)
  local backend = attempts.backends[cluster]
  backend_request(handle, backend)
  send_on(handle, cluster, backend)
end

-- The attempt got no answer of a backend: Envoy says why by the flags. It is made one that is retried if the rule says so.
local function note_no_answer(handle, headers, flags)
  local metadata = handle:streamInfo():dynamicMetadata()
  local notes = metadata:get(NS)
  local attempts = route_of(handle, notes).attempts
  local is_absent = find(flags, 'UH', 1, true) or find(flags, 'NC', 1, true)
  metadata:set(NS, 'tried', notes.tried .. (is_absent and '=no-endpoint' or '=no-answer'))
  for flag in gmatch(flags, '%u+') do
    if attempts.retried[flag] then headers:replace('x-headgate-sentinel', 'no-answer') end
  end
  -- A limit on connections ends the request, whatever statuses are retried; the listener puts the status right.
  if flags == 'UO' then headers:replace(':status', '499') end
end

-- A filter of the listener of attempts has answered: the processor refuses, or cannot be reached. No backend was asked.
local function note_untranslated(handle, headers)
  local is_lost = headers:get('x-headgate-no-processor')
  if not is_lost and not headers:get('x-headgate-refused') then return end
  local metadata = handle:streamInfo():dynamicMetadata()
  local notes = metadata:get(NS)
  local tried = notes.tried .. '=' .. (is_lost and 'no-answer' or headers:get(':status'))
  metadata:set(NS, 'tried', tried)
  if not is_lost then return metadata:set(NS, 'refused', tried) end
  headers:remove('x-headgate-no-processor')
  local attempts = route_of(handle, notes).attempts
  metadata:set(COOLING_NS, cluster_at(metadata, attempts, notes.turn), now_ms(handle) + WITHOUT_PROCESSOR_MS)
  if attempts.retried.UH then headers:replace('x-headgate-sentinel', 'no-processor') end
end

on_response = function(handle)
  local headers = handle:headers()
  local flags = headers:get('x-headgate-flags')
  if flags ~= 'UO' then headers:remove('x-headgate-flags') end
  headers:remove('x-headgate-sentinel')
  if not flags then return note_untranslated(handle, headers) end
  if flags ~= '-' then return note_no_answer(handle, headers, flags) end
  if byte(headers:get(':status')) < 52 then return end -- below 400
  local metadata = handle:streamInfo():dynamicMetadata()
  local notes = metadata:get(NS)
  local attempts = route_of(handle, notes).attempts
  local cluster = cluster_at(metadata, attempts, notes.turn)
  local backend = attempts.backends[cluster]
  backend_response(handle, {
    cluster = cluster, name = backend.name, pool = backend.pool, forward = backend.forward, credential = backend.credential,
    own_keys = backend.own_keys,
  })
  -- The order is chosen in another VM.
  if cooling[cluster] then metadata:set(COOLING_NS, cluster, cooling[cluster]) end
  cooling[cluster] = nil
end
