# The hub of docs/regions.md, on one machine: plain HTTP on loopback, its data below /tmp/lockstep-example.
# Away from loopback give the listener tls_cert_file and tls_key_file in place of tls_disable.
listener "tcp" {
  address     = "127.0.0.1:8200"
  tls_disable = true
}

storage "lmdb" {
  path = "/tmp/lockstep-example/hub/data"
}

# The key lies outside of the data directory, and only its owner can read it: otherwise it is refused.
seal "static" {
  current_key_id = "1"
  current_key    = "file:///tmp/lockstep-example/keys/hub.key"
}

audit "file" "file" {
  options {
    file_path = "/tmp/lockstep-example/hub/audit.log"
  }
}

# Where regions connect to. This listener always speaks TLS, with certificates that the hub makes and renews itself.
hub {
  cluster_address = "127.0.0.1:8201"
}
