# An agent at the region eu: it logs in there, and keeps one secret in a file.
vault {
  address = "http://127.0.0.1:8300"
}

auto_auth {
  method "approle" {
    config {
      role_id_file_path                   = "/tmp/lockstep-example/keys/eu-app.role-id"
      secret_id_file_path                 = "/tmp/lockstep-example/keys/eu-app.secret-id"
      remove_secret_id_file_after_reading = false
    }
  }
}

# The name that this agent acknowledges changes under.
consumer = "eu-app"

secret "database" {
  path        = "secret/data/eu/database"
  format      = "json"
  destination = "/tmp/lockstep-example/files/database.json"
}
