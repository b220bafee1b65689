# lockstep agent -config=agent.hcl

lockstep {
  address = "https://eu.lockstep.example:8200"
  ca_cert = "/etc/lockstep/ca.pem"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/etc/lockstep/role-id"
      secret_id_file_path                 = "/run/lockstep/secret-id"
      remove_secret_id_file_after_reading = false
    }
  }
  sink "file" {
    config = {
      path = "/run/lockstep/token"
    }
  }
}

secret "db-password" {
  path        = "secret/data/shop/db"
  field       = "password"
  destination = "/run/secrets/db-password"
  user        = "shop"
  command     = ["systemctl", "reload", "shop"]
}

secret "db-env" {
  path        = "secret/data/shop/db"
  format      = "env"
  destination = "/run/secrets/db.env"
}

# The last known good secrets, under a key that is derived from the secret-id.
cache {
  persist "file" {
    path = "/var/lib/lockstep-agent"
  }
}

# /healthz and /metrics
listener "tcp" {
  address     = "127.0.0.1:8100"
  tls_disable = true
}

consumer = "shop-1"
pid_file = "/run/lockstep/agent.pid"
