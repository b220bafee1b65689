-- For wrk: sends the requests of a file, one after the other, again and again. They are the bytes of the wire, parted
-- by NUL, so that a request costs the generator a look into a table.
-- Usage: wrk -s replay.lua URL -- FILE
local requests, at = {}, 0

function init(args)
  local file = assert(io.open(args[1], 'rb'))
  for request in file:read('*a'):gmatch('[^%z]+') do
    requests[#requests + 1] = request
  end
  file:close()
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  local percentile = function(of) return string.format('%d', latency:percentile(of)) end
  io.write('\nresult {"requests":', summary.requests, ',"microseconds":', summary.duration,
    ',"p50":', percentile(50), ',"p99":', percentile(99), ',"p999":', percentile(99.9),
    ',"errors":{"connect":', errors.connect, ',"read":', errors.read, ',"write":', errors.write,
    ',"timeout":', errors.timeout, ',"status":', errors.status, '}}\n')
end
