# The region eu of docs/regions.md. It has a store, a seal, tokens and an audit log of its own.
listener "tcp" {
  address     = "127.0.0.1:8300"
  tls_disable = true
}

storage "lmdb" {
  path = "/tmp/lockstep-example/eu/data"
}

seal "static" {
  current_key_id = "1"
  current_key    = "file:///tmp/lockstep-example/keys/eu.key"
}

audit "file" "file" {
  options {
    file_path = "/tmp/lockstep-example/eu/audit.log"
  }
}

# The label is the name that the hub knows this region by. The file holds what `lockstep regions add` printed; it is
# read until the region has joined.
region "eu" {
  hub             = "127.0.0.1:8201"
  join_token_file = "/tmp/lockstep-example/keys/eu.join"
}
