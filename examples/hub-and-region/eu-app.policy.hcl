# What the application in eu may do. The agent needs `read` and `subscribe`; the rest is for the writes of docs/regions.md.
path "secret/data/eu/*" {
  capabilities = ["create", "read", "update", "subscribe"]
}

path "secret/data/shared/*" {
  capabilities = ["read", "subscribe"]
}

path "sys/events/subscribe/*" {
  capabilities = ["read"]
}
