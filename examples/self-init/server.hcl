# A node that needs nobody at its first start: it initialises itself, sets up what is written here and then forgets the
# root token. The seal's key and the first secret-id's destination are the operator's to provide:
#   head -c 32 /dev/urandom | base64 > /etc/lockstep/seal.key && chmod 0400 /etc/lockstep/seal.key
#   ADMIN_ROLE_ID=… lockstep server -config=server.hcl
storage "lmdb" {
  path = "/var/lib/lockstep"
}

listener "tcp" {
  address       = "127.0.0.1:8200"
  tls_cert_file = "/etc/lockstep/tls.crt"
  tls_key_file  = "/etc/lockstep/tls.key"
}

seal "static" {
  current_key_id = "2026-11"
  current_key    = "file:///etc/lockstep/seal.key"
}

audit "file" "main" {
  options {
    file_path = "/var/log/lockstep/audit.log"
  }
}

initialize "engines" {
  request "kv" {
    operation = "update"
    path      = "sys/mounts/secret"
    data = {
      type    = "kv"
      options = { version = "2" }
    }
  }
}

# Whoever logs in with this role can do all the rest. Without a way in nobody ever gets one: no key and no token is shown.
initialize "admin" {
  request "policy" {
    operation = "update"
    path      = "sys/policies/acl/admin"
    data = {
      policy = {
        eval_source = "file"
        eval_type   = "string"
        path        = "/etc/lockstep/admin.policy.hcl"
      }
    }
  }
  request "approle" {
    operation = "update"
    path      = "sys/auth/approle"
    data      = { type = "approle" }
  }
  request "role" {
    operation = "update"
    path      = "auth/approle/role/admin"
    data = {
      role_id = {
        eval_source     = "env"
        eval_type       = "string"
        env_var         = "ADMIN_ROLE_ID"
        require_present = true
      }
      bind_secret_id        = false
      secret_id_bound_cidrs = ["127.0.0.0/8"]
      token_policies        = ["admin"]
      token_ttl             = "20m"
    }
  }
}
